import type { VolumeName } from '../volume-name.ts'
import type { ClusterOptions } from './cluster-options.ts'

declare const brand: unique symbol
/** 32 hexadecimal digits, random, never used twice. */
export type VolumeId = string & { readonly [brand]: 'VolumeId' }
/** 32 hexadecimal digits, random: a volume that was brought back may be removed again, and is kept anew. */
export type RemovalId = string & { readonly [brand]: 'RemovalId' }

/** A volume, as all hosts see it: one key of the store, so that each change of it is decided by that key alone. */
export type VolumeRecord = {
  readonly id: VolumeId
  readonly name: VolumeName
  readonly options: ClusterOptions
  /** RFC 3339. */
  readonly created: string
  /** Name of the host, for people. */
  readonly createdBy: string
  /**
   * - `making`: its folder is being made; nobody was told of it yet, and whoever creates it again goes on.
   * - `removing`: nobody has it mounted; its folder is being put aside, and whoever comes by goes on.
   * - `restoring`: it was removed, and its folder is being put back; whoever comes by goes on.
   */
  readonly state: 'making' | 'ready' | 'removing' | 'restoring'
  /** Of whoever removes it now; one who goes on with it has another. */
  readonly removal: RemovalId | undefined
  /** How often it was brought back: each time its folder gets another name. */
  readonly restored: number
  /** The hosts that have it mounted, by their ids; of an exclusive volume one at most. */
  readonly users: Readonly<Record<string, User>>
  /** The last time that an operator took it from a host. */
  readonly broken: Broken | undefined
}

/** A host that has a volume mounted. */
export type User = {
  /** For people. */
  readonly name: string
  /** Random, of this taking: who finds it knows it as their own. */
  readonly op: string
  readonly generation: number
  readonly boot: string
  /** RFC 3339. */
  readonly since: string
}

export type Broken = { readonly host: string; readonly name: string; readonly at: string }

/** A removed volume, at a key of its own, by its id: its name may be given to another. */
export type ParkedRecord = {
  readonly volume: VolumeRecord
  /** The one that put it here. */
  readonly removal: RemovalId
  readonly state: 'parked' | 'destroying'
  /** RFC 3339, for people. */
  readonly since: string
  readonly by: string
  /** Kept for so long, counted by each host while it sees it and runs, not read from a clock. */
  readonly keepMs: number
}

/** What is to become of a volume's record. */
export type Change =
  | { readonly do: 'nothing' }
  | { readonly do: 'put'; readonly record: VolumeRecord }
  | { readonly do: 'delete' }
  /** The record goes, and that of a removed volume comes, at once. */
  | { readonly do: 'park'; readonly parked: ParkedRecord }

/** What is to become of a removed volume's record. */
export type ParkedChange =
  | { readonly do: 'nothing' }
  | { readonly do: 'put'; readonly parked: ParkedRecord }
  | { readonly do: 'delete' }
  /** The reverse of `park`, if no volume has the name. */
  | { readonly do: 'restore'; readonly record: VolumeRecord }
