import { randomBytes } from 'node:crypto'
import type { KeyedQueue } from '../../shared/keyed-queue.ts'
import { Refusal } from '../../shared/refusal.ts'
import { isOutage } from '../../shared/store.ts'
import type { VolumeName } from '../volume-name.ts'
import type { Catalogue } from './catalogue.ts'
import type { ClusterBook } from './cluster-book.ts'
import type { Holding } from './holding.ts'
import type { Mirror } from './mirror.ts'
import type { MountNotes } from './mount-notes.ts'
import type { Mounting } from './mounting.ts'
import type { Parking } from './parking.ts'
import { Barred } from './registration.ts'
import type { Registration } from './registration.ts'
import type { Unnoted } from './unnoted.ts'
import type { ParkedRecord, RemovalId, VolumeId } from './volume-record.ts'

export type KeepingParts = {
  readonly registration: Registration
  readonly catalogue: Catalogue
  readonly mirror: Mirror
  readonly holding: Holding
  readonly unnoted: Unnoted
  readonly notes: MountNotes
  readonly mounting: Mounting
  readonly parking: Parking
  readonly queue: KeyedQueue
  readonly book: ClusterBook
  /** Why this machine may not use the identity in its state directory, if so. */
  readonly barred: () => string | undefined
}

const FENCE_EVERY_MS = 30_000
/** What another host destroys is left to it for so long at least: many at one folder are in each other's way. */
const TAKEN_UP_AFTER_MS = 10 * 60_000
/** Of a host that stood still for longer nobody can say that it saw anything. */
const MOST_PASSED_MS = 60_000
/** How often the time that a removed volume was seen is written down. */
const NOTED_EVERY_MS = 10 * 60_000

/**
 * The work that nobody waits for: this host's record, what the store was not told, what was taken from this host, removed
 * volumes whose time has come. That time is counted while this host runs and sees them, not read from a clock, which may
 * be set forward by years.
 */
export class Keeping {
  readonly #parts: KeepingParts
  readonly #kept: Map<RemovalId, number>
  readonly #noted = new Map<RemovalId, number>()
  readonly #problems = new Map<VolumeId, string>()
  /** For how long each is being destroyed by another host; those that this host destroys: for ever. */
  readonly #destroyed = new Map<RemovalId, number>()
  /** Of many hosts not all take it up at once. */
  readonly #patienceMs = TAKEN_UP_AFTER_MS * (1 + randomBytes(1).readUInt8() / 255)
  #running: Promise<void> | undefined
  #destroying: Promise<void> | undefined
  #last: number
  #fenced = 0

  /** @param now of a clock that is never set, in milliseconds */
  constructor(parts: KeepingParts, kept: ReadonlyMap<RemovalId, number>, now: number) {
    this.#parts = parts
    this.#kept = new Map(kept)
    this.#last = now
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
    await this.#parts.parking.beginDestroying(parked)
    this.#destroyed.set(parked.removal, Infinity)
  }

  /** One at a time. @throws {Barred} and what is neither an outage nor a refusal */
  async tend(now: number): Promise<void> {
    this.#running ??= this.#tend(now).finally(() => (this.#running = undefined))
    await this.#running
  }

  async idle(): Promise<void> {
    await Promise.allSettled([this.#running, this.#destroying])
  }

  async #tend(now: number): Promise<void> {
    const passed = Math.min(now - this.#last, MOST_PASSED_MS)
    this.#last = now
    try {
      await this.#enter(now)
      const { mirror, catalogue } = this.#parts
      const faults: Error[] = []
      const unreadable = (why: string) => faults.push(new Error(why))
      await mirror.refresh(async () => await catalogue.list(unreadable))
      if (mirror.isStale) return
      faults.push(...(await this.#settleAll()))
      await this.#tendParked(await catalogue.listParked(unreadable), passed)
      await mirror.save()
      for (const fault of faults) throw fault
    } catch (error) {
      if (isOutage(error)) this.#parts.mirror.isStale = true
      else if (!(error instanceof Refusal)) throw error
    }
  }

  /**
   * This host's record is as it wrote it; else it is written anew. So it is now and then besides: a store that was set back
   * has it as it was before.
   *
   * @throws {Barred}
   */
  async #enter(now: number): Promise<void> {
    const { registration, barred } = this.#parts
    const why = barred()
    if (why !== undefined) {
      registration.barBy(why)
      throw new Barred(why)
    }
    if (!registration.isRegistered || (await registration.refresh()) === 'raised') {
      await registration.register()
    } else if (now - this.#fenced < FENCE_EVERY_MS) return
    else await registration.fence()
    this.#fenced = now
  }

  /** What cannot be done for one volume does not keep the others waiting. @returns what went wrong */
  async #settleAll(): Promise<Error[]> {
    const faults: Error[] = []
    const { notes, mirror, holding, unnoted, mounting, registration } = this.#parts
    for (const name of notes.names()) {
      await this.#alone(name, faults, async () => {
        await holding.settle(name)
        if (notes.get(name)?.state === 'lost' || !notes.get(name)) await mounting.detach(name)
      })
    }
    for (const record of mirror.all()) {
      if (!unnoted.has(record)) continue
      const { name } = record
      await this.#alone(name, faults, async () => await unnoted.settle(name))
    }
    for (const name of mounting.bound()) {
      await this.#alone(name, faults, async () => {
        if (!notes.get(name)) await mounting.detach(name)
      })
    }
    if (faults.length === 0 && !registration.isWhole) await registration.noteWhole()
    return faults
  }

  async #tendParked(all: readonly ParkedRecord[], passed: number): Promise<void> {
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
    await this.#parts.book.putKept(removal, Math.round(kept))
  }

  /** What was restored, or destroyed by whichever host. */
  async #forget(all: readonly ParkedRecord[]): Promise<void> {
    const ids = new Set(all.map(({ volume }) => volume.id))
    for (const id of this.#problems.keys()) if (!ids.has(id)) this.#problems.delete(id)
    const removals = new Set(all.map(({ removal }) => removal))
    for (const removal of this.#kept.keys()) {
      if (removals.has(removal)) continue
      await this.#parts.book.putKept(removal, undefined)
      this.#kept.delete(removal)
      this.#noted.delete(removal)
      this.#destroyed.delete(removal)
    }
  }

  /** One after the other, a part of each at a time: a folder may have millions of files. */
  async #destroyAll(due: readonly ParkedRecord[]): Promise<void> {
    const { parking } = this.#parts
    for (const parked of due) {
      const { volume, removal, state } = parked
      try {
        if (state === 'parked' && !(await parking.beginDestroying(parked))) continue
        this.#destroyed.set(removal, Infinity)
        await parking.destroy(volume)
        this.#problems.delete(volume.id)
      } catch (error) {
        this.#problems.set(volume.id, (error as Error).message)
      }
    }
  }

  async #alone(name: VolumeName, faults: Error[], job: () => Promise<void>): Promise<void> {
    try {
      await this.#parts.queue.run(name, job)
    } catch (error) {
      if (!isOutage(error) && !(error instanceof Refusal)) faults.push(error as Error)
    }
  }
}
