import { setTimeout as sleep } from 'node:timers/promises'
import type {
  ClusterBook,
  HostNotes,
  MountNote,
  Remembered,
} from '../../../../volume-plugin/cluster/cluster-book.ts'
import {
  readHostNotes,
  readKept,
  readMountNote,
  readVolume,
  write,
} from '../../../../volume-plugin/cluster/cluster-records.ts'
import type { RemovalId, VolumeRecord } from '../../../../volume-plugin/cluster/volume-record.ts'
import { volumeName } from '../../../../volume-plugin/volume-name.ts'
import type { VolumeName } from '../../../../volume-plugin/volume-name.ts'
import type { After } from './memory-files.ts'

/** What a host's disk has of the plugin, as text. Everything written survives the process; a power cut only what was synced. */
export class MemoryBook implements ClusterBook {
  readonly #after: After
  readonly #takesMs: () => number
  readonly #rows = new Map<string, string>()
  #synced = new Map<string, string>()
  boot: string

  constructor(boot: string, after: After, takesMs: () => number) {
    this.boot = boot
    this.#after = after
    this.#takesMs = takesMs
  }

  /** All that was not synced is as it was, or as it was written. */
  cutPower(boot: string, isKept: () => boolean): void {
    this.boot = boot
    for (const key of new Set([...this.#rows.keys(), ...this.#synced.keys()])) {
      if (isKept()) continue
      const before = this.#synced.get(key)
      if (before === undefined) this.#rows.delete(key)
      else this.#rows.set(key, before)
    }
    this.#synced = new Map(this.#rows)
  }

  /** What is noted of a volume now. */
  note(name: string): MountNote | undefined {
    const { note, boot } = this.#read(`mounts/${name}`, readMountNote) ?? {}
    return boot === this.boot ? note : undefined
  }

  get notes(): readonly string[] {
    const names = this.#names('mounts/')
    return names.filter(name => this.note(name) !== undefined)
  }

  async load(): Promise<Remembered> {
    await sleep(this.#takesMs())
    return {
      mirror: this.#names('mirror/').flatMap(
        name => this.#read(`mirror/${name}`, readVolume) ?? [],
      ),
      mounts: new Map(
        this.notes.flatMap(text => {
          const [name, note] = [volumeName(text), this.note(text)]
          return name && note ? [[name, note] as const] : []
        }),
      ),
      kept: new Map(
        this.#names('kept/').map(id => [id as RemovalId, this.#read(`kept/${id}`, readKept) ?? 0]),
      ),
      notes: this.#read('notes', readHostNotes),
    }
  }

  async putMirror(changed: readonly VolumeRecord[], gone: readonly VolumeName[]): Promise<void> {
    await this.#write([
      ...changed.map(record => [`mirror/${record.name}`, write(record)] as const),
      ...gone.map(name => [`mirror/${name}`, undefined] as const),
    ])
  }

  async putMount(name: VolumeName, note: MountNote | undefined): Promise<void> {
    await this.#write([[`mounts/${name}`, note && write({ boot: this.boot, note })]])
  }

  async putKept(id: RemovalId, ms: number | undefined): Promise<void> {
    await this.#write([[`kept/${id}`, ms === undefined ? undefined : write(ms)]])
  }

  async putNotes(notes: HostNotes): Promise<void> {
    await this.#write([['notes', write(notes)]], true)
  }

  #names(prefix: string): string[] {
    const keys = [...this.#rows.keys()].filter(key => key.startsWith(prefix))
    return keys.map(key => key.slice(prefix.length)).toSorted()
  }

  #read<T>(key: string, reader: (row: { key: string; value: string }) => T): T | undefined {
    const value = this.#rows.get(key)
    return value === undefined ? undefined : reader({ key, value })
  }

  /** What was handed to the kernel is written, even if the process dies before it hears of it. */
  async #write(
    rows: readonly (readonly [string, string | undefined])[],
    isSynced = false,
  ): Promise<void> {
    this.#after(this.#takesMs(), () => {
      for (const [key, value] of rows) {
        if (value === undefined) this.#rows.delete(key)
        else this.#rows.set(key, value)
      }
      // A sync of the log takes with it all that was written before.
      if (isSynced) this.#synced = new Map(this.#rows)
    })
    await sleep(1 + this.#takesMs())
  }
}
