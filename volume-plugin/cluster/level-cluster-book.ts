import type { LevelDatabase, LevelWrite } from '../../shared/level-database.ts'
import type { VolumeName } from '../volume-name.ts'
import type { ClusterBook, HostNotes, MountNote, Remembered } from './cluster-book.ts'
import {
  readBootOf,
  readHostNotes,
  readKept,
  readMountNote,
  readVolume,
  write,
} from './cluster-records.ts'
import type { Row } from './cluster-records.ts'
import type { RemovalId, VolumeRecord } from './volume-record.ts'

const MIRROR = 'mirror/'
const MOUNTS = 'mounts/'
const KEPT = 'kept/'
const NOTES = 'notes'
const MOST = 1_000_000

/** What this host remembers, in a database that others may use below other keys. */
export class LevelClusterBook implements ClusterBook {
  readonly #database: LevelDatabase
  readonly #boot: string

  /** @param boot the running one: mounts are of one boot */
  constructor(database: LevelDatabase, boot: string) {
    this.#database = database
    this.#boot = boot
  }

  /** @throws {Error} naming the record that cannot be read */
  async load(): Promise<Remembered> {
    const notes = this.#database.get(NOTES)
    return {
      mirror: (await this.#rows(MIRROR)).flatMap(({ row }) => tryReadVolume(row)),
      mounts: await this.#mounts(),
      kept: new Map((await this.#rows(KEPT)).flatMap(tryReadKept)),
      notes: notes === undefined ? undefined : readHostNotes({ key: NOTES, value: notes }),
    }
  }

  async putMirror(changed: readonly VolumeRecord[], gone: readonly VolumeName[]): Promise<void> {
    const writes = [
      ...changed.map(record => put(MIRROR + record.name, write(record))),
      ...gone.map(name => del(MIRROR + name)),
    ]
    await this.#database.write(writes, { sync: false })
  }

  async putMount(name: VolumeName, note: MountNote | undefined): Promise<void> {
    const key = MOUNTS + name
    const change = note ? put(key, write({ boot: this.#boot, note })) : del(key)
    await this.#database.write([change], { sync: false })
  }

  async putKept(removal: RemovalId, ms: number | undefined): Promise<void> {
    const key = KEPT + removal
    const change = ms === undefined ? del(key) : put(key, write(ms))
    await this.#database.write([change], { sync: false })
  }

  async putNotes(notes: HostNotes): Promise<void> {
    await this.#database.write([put(NOTES, write(notes))], { sync: true })
  }

  /** Those of another boot go: nothing of them is mounted any more. */
  async #mounts(): Promise<Map<VolumeName, MountNote>> {
    const rows = await this.#rows(MOUNTS)
    const isFormer = ({ row }: { readonly row: Row }) => readBootOf(row).boot !== this.#boot
    const former = rows.filter(isFormer).map(({ row }) => del(row.key))
    if (former.length > 0) await this.#database.write(former, { sync: false })
    return new Map(
      rows
        .filter(noted => !isFormer(noted))
        .map(({ name, row }) => [name as VolumeName, readMountNote(row).note]),
    )
  }

  async #rows(prefix: string): Promise<{ readonly name: string; readonly row: Row }[]> {
    const rows = await this.#database.list(prefix, `${prefix}~`, MOST)
    return rows.map(([key, value]) => ({ name: key.slice(prefix.length), row: { key, value } }))
  }
}

/** The store has it, and it is read from there again. */
function tryReadVolume(row: Row): VolumeRecord[] {
  try {
    return [readVolume(row)]
  } catch {
    return []
  }
}

/** What cannot be read is counted anew. */
function tryReadKept({ name, row }: { name: string; row: Row }): [RemovalId, number][] {
  try {
    return [[name as RemovalId, readKept(row)]]
  } catch {
    return []
  }
}

const put = (key: string, value: string): LevelWrite => ({ type: 'put', key, value })
const del = (key: string): LevelWrite => ({ type: 'del', key })
