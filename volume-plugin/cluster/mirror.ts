import { isOutage } from '../../shared/store.ts'
import type { VolumeName } from '../volume-name.ts'
import type { VolumeList } from './catalogue.ts'
import type { ClusterBook } from './cluster-book.ts'
import type { VolumeRecord } from './volume-record.ts'

/** The volumes of the store as this host saw them last: what it knows while the store is away. */
export class Mirror {
  readonly #book: ClusterBook
  readonly #records: Map<VolumeName, VolumeRecord>
  /** Counts what was learned of single volumes, so that a list that was read before does not undo it. */
  readonly #learned = new Map<VolumeName, number>()
  #count = 0
  /** When the list that was taken over last was begun. */
  #listed = 0
  readonly #unsaved = new Set<VolumeName>()
  /** Whether the last attempt to read them all failed. */
  isStale = true

  constructor(book: ClusterBook, records: readonly VolumeRecord[]) {
    this.#book = book
    this.#records = new Map(records.map(record => [record.name, record]))
  }

  get(name: VolumeName): VolumeRecord | undefined {
    return this.#records.get(name)
  }

  all(): readonly VolumeRecord[] {
    return [...this.#records.values()]
  }

  /** Of one volume, as the store has it now. */
  async learn(name: VolumeName, record: VolumeRecord | undefined): Promise<void> {
    this.#count += 1
    this.#learned.set(name, this.#count)
    await this.#set(record ? [record] : [], record ? [] : [name])
  }

  /**
   * What the store has by now; while it is away, what was known stays.
   *
   * @throws {Error} what is no outage
   */
  async refresh(list: () => Promise<VolumeList>): Promise<void> {
    const mark = (this.#count += 1)
    try {
      await this.#replace(await list(), mark)
      this.isStale = false
    } catch (error) {
      this.isStale = true
      if (!isOutage(error)) throw error
    }
  }

  /** All of them, as they were read after `mark`. Of two lists that were read at once, the one begun first may be older. */
  async #replace({ volumes, unreadable }: VolumeList, mark: number): Promise<void> {
    if (mark < this.#listed) return
    this.#listed = mark
    const isOlder = (name: VolumeName) => (this.#learned.get(name) ?? 0) <= mark
    const there = new Set([...volumes.map(({ name }) => name), ...unreadable])
    await this.#set(
      volumes.filter(record => isOlder(record.name) && !isSame(record, this.get(record.name))),
      Array.from(this.#records.keys()).filter(name => !there.has(name) && isOlder(name)),
    )
    for (const [name, at] of this.#learned) if (at <= mark) this.#learned.delete(name)
  }

  /** Memory first: what cannot be written now must not keep anybody from being answered. */
  async #set(changed: readonly VolumeRecord[], gone: readonly VolumeName[]): Promise<void> {
    for (const record of changed) this.#records.set(record.name, record)
    for (const name of gone) this.#records.delete(name)
    for (const name of [...changed.map(record => record.name), ...gone]) this.#unsaved.add(name)
    await this.save().catch(() => {})
  }

  /** Writes what is not in the book yet. @throws {Error} where that cannot be written; it is tried again with the next change */
  async save(): Promise<void> {
    const names = [...this.#unsaved]
    if (names.length === 0) return
    await this.#book.putMirror(
      names.flatMap(name => this.#records.get(name) ?? []),
      names.filter(name => !this.#records.has(name)),
    )
    for (const name of names) this.#unsaved.delete(name)
  }
}

const isSame = (a: VolumeRecord, b: VolumeRecord | undefined): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b)
