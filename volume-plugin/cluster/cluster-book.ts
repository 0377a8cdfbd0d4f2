import type { VolumeName } from '../volume-name.ts'
import type { RemovalId, VolumeId, VolumeRecord } from './volume-record.ts'

/** What this host remembers by itself, for when the store is away. */
export interface ClusterBook {
  load(): Promise<Remembered>
  /** Of the volumes that the store has. Not synced. */
  putMirror(changed: readonly VolumeRecord[], gone: readonly VolumeName[]): Promise<void>
  /** Not synced: no container survives a reboot. Undefined: gone. */
  putMount(name: VolumeName, note: MountNote | undefined): Promise<void>
  /** For how long a removed volume was seen here, in whole milliseconds. Undefined: gone. */
  putKept(removal: RemovalId, ms: number | undefined): Promise<void>
  /** Synced. */
  putNotes(notes: HostNotes): Promise<void>
}

export type Remembered = {
  readonly mirror: readonly VolumeRecord[]
  /** Those of this boot. */
  readonly mounts: ReadonlyMap<VolumeName, MountNote>
  readonly kept: ReadonlyMap<RemovalId, number>
  readonly notes: HostNotes | undefined
}

export type MountNote = {
  /** Undefined where only the store knows yet. */
  readonly volume: VolumeId | undefined
  /** As in the volume's record. */
  readonly op: string
  readonly since: string
  /**
   * - `taking`: asked of the store; whether it has it is not known.
   * - `taken`: the store has it.
   * - `untold`: mounted while the store was away (shared volumes only); it is told when it is back.
   * - `leaving`: nobody has it mounted here any more; the store is to be told.
   * - `lost`: an operator took it from this host, or it was removed; containers that have it mounted still write to it.
   */
  readonly state: 'taking' | 'taken' | 'untold' | 'leaving' | 'lost'
  /** When an operator had broken its lock last, before this host took it. */
  readonly broken?: string | undefined
  /** Of what is `lost`: an operator took it from this host. */
  readonly isForfeited?: boolean | undefined
  /** How often each of the engine's ids has it mounted. */
  readonly ids: Readonly<Record<string, number>>
}

/** What this host knows of the store, and of its own record there. */
export type HostNotes = {
  /** Which history of the store; see Store. */
  readonly history: string
  readonly cluster: string | undefined
  readonly generation: number
  /** What this host may have written into its record and has not been overwritten; then what it wrote before, newest last. */
  readonly nonces: readonly string[]
  readonly formerNonces: readonly string[]
  /** The last boot of which every mount that the store has is in this book; undefined: it was lost since. */
  readonly boot: string | undefined
}
