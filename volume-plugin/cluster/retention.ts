import { randomBytes } from 'node:crypto'
import type { ClusterBook } from './cluster-book.ts'
import type { Parking } from './parking.ts'
import type { ParkedRecord, RemovalId, VolumeId } from './volume-record.ts'

/** What another host destroys is left to it for so long at least: many at one folder are in each other's way. */
const TAKEN_UP_AFTER_MS = 10 * 60_000
/** How often the time that a removed volume was seen is written down. */
const NOTED_EVERY_MS = 10 * 60_000

/**
 * Removed volumes: kept for their time, then destroyed. That time is counted while this host runs and sees them, not read
 * from a clock, which may be set forward by years.
 */
export class Retention {
  readonly #parking: Parking
  readonly #book: Pick<ClusterBook, 'putKept'>
  readonly #kept: Map<RemovalId, number>
  readonly #noted = new Map<RemovalId, number>()
  readonly #problems = new Map<VolumeId, string>()
  /** For how long each is being destroyed by another host; those that this host destroys: for ever. */
  readonly #destroyed = new Map<RemovalId, number>()
  /** Of many hosts not all take it up at once. */
  readonly #patienceMs = TAKEN_UP_AFTER_MS * (1 + randomBytes(1).readUInt8() / 255)
  #destroying: Promise<void> | undefined

  /** @param kept for how long each was seen before, in milliseconds */
  constructor(
    parking: Parking,
    book: Pick<ClusterBook, 'putKept'>,
    kept: ReadonlyMap<RemovalId, number>,
  ) {
    this.#parking = parking
    this.#book = book
    this.#kept = new Map(kept)
  }

  /** Why the work on a volume does not go on, if so. */
  problemOf(id: VolumeId): string | undefined {
    return this.#problems.get(id)
  }

  /** For how long this host has seen it removed. */
  keptFor({ removal }: ParkedRecord): number {
    return this.#kept.get(removal) ?? 0
  }

  /** An operator's order: it is destroyed by this host, as soon as it comes to it. */
  async wipe(parked: ParkedRecord): Promise<void> {
    await this.#parking.beginDestroying(parked)
    this.#destroyed.set(parked.removal, Infinity)
  }

  /**
   * @param all that there are
   * @param passed in which this host saw them, in milliseconds
   */
  async tend(all: readonly ParkedRecord[], passed: number): Promise<void> {
    await this.#forget(all)
    for (const parked of all) await this.#age(parked, passed)
    const due = all.filter(parked => this.#isDue(parked))
    this.#destroying ??= this.#destroyAll(due).finally(() => (this.#destroying = undefined))
  }

  #isDue(parked: ParkedRecord): boolean {
    if (parked.state === 'parked') return this.keptFor(parked) >= parked.keepMs
    return (this.#destroyed.get(parked.removal) ?? 0) >= this.#patienceMs
  }

  async #age(parked: ParkedRecord, passed: number): Promise<void> {
    const { removal, state } = parked
    if (state === 'destroying') {
      this.#destroyed.set(removal, (this.#destroyed.get(removal) ?? 0) + passed)
    }
    const before = this.#kept.get(removal)
    const kept = before === undefined ? 0 : before + passed
    this.#kept.set(removal, kept)
    if (kept - (this.#noted.get(removal) ?? -NOTED_EVERY_MS) < NOTED_EVERY_MS) return
    this.#noted.set(removal, kept)
    await this.#book.putKept(removal, Math.round(kept))
  }

  /** What was restored, or destroyed by whichever host. */
  async #forget(all: readonly ParkedRecord[]): Promise<void> {
    const ids = new Set(all.map(({ volume }) => volume.id))
    for (const id of this.#problems.keys()) if (!ids.has(id)) this.#problems.delete(id)
    const removals = new Set(all.map(({ removal }) => removal))
    for (const removal of this.#kept.keys()) {
      if (removals.has(removal)) continue
      await this.#book.putKept(removal, undefined)
      this.#kept.delete(removal)
      this.#noted.delete(removal)
      this.#destroyed.delete(removal)
    }
  }

  /** One after the other, a part of each at a time: a folder may have millions of files. */
  async #destroyAll(due: readonly ParkedRecord[]): Promise<void> {
    for (const parked of due) {
      const { volume, removal, state } = parked
      try {
        if (state === 'parked' && !(await this.#parking.beginDestroying(parked))) continue
        this.#destroyed.set(removal, Infinity)
        await this.#parking.destroy(volume)
        this.#problems.delete(volume.id)
      } catch (error) {
        this.#problems.set(volume.id, (error as Error).message)
      }
    }
  }

  /** Nothing is being destroyed. */
  async idle(): Promise<void> {
    await this.#destroying
  }
}
