import type { KeyedQueue } from '../../shared/keyed-queue.ts'
import { Refusal } from '../../shared/refusal.ts'
import { isOutage } from '../../shared/store.ts'
import type { VolumeName } from '../volume-name.ts'
import type { Catalogue } from './catalogue.ts'
import type { Holding } from './holding.ts'
import type { Mirror } from './mirror.ts'
import type { MountNotes } from './mount-notes.ts'
import type { Mounting } from './mounting.ts'
import { Barred } from './registration.ts'
import type { Registration } from './registration.ts'
import type { Retention } from './retention.ts'
import type { Unnoted } from './unnoted.ts'

export type KeepingParts = {
  readonly registration: Registration
  readonly catalogue: Catalogue
  readonly mirror: Mirror
  readonly holding: Holding
  readonly unnoted: Unnoted
  readonly notes: MountNotes
  readonly mounting: Mounting
  readonly retention: Retention
  readonly queue: KeyedQueue
  /** Why this machine may not use the identity in its state directory, if so. */
  readonly barred: () => string | undefined
}

const FENCE_EVERY_MS = 30_000
/** Of a host that stood still for longer nobody can say that it saw anything. */
const MOST_PASSED_MS = 60_000

/**
 * The work that nobody waits for: this host's record, what the store was not told, what was taken from this host, removed
 * volumes.
 */
export class Keeping {
  readonly #parts: KeepingParts
  #running: Promise<void> | undefined
  #last: number
  #fenced = 0

  /** @param now of a clock that is never set, in milliseconds */
  constructor(parts: KeepingParts, now: number) {
    this.#parts = parts
    this.#last = now
  }

  /** One at a time. @throws {Barred} and what is neither an outage nor a refusal */
  async tend(now: number): Promise<void> {
    this.#running ??= this.#tend(now).finally(() => (this.#running = undefined))
    await this.#running
  }

  async idle(): Promise<void> {
    await Promise.allSettled([this.#running])
    await this.#parts.retention.idle()
  }

  async #tend(now: number): Promise<void> {
    const passed = Math.min(now - this.#last, MOST_PASSED_MS)
    this.#last = now
    try {
      await this.#enter(now)
      const { mirror, catalogue, retention } = this.#parts
      const faults: Error[] = []
      const unreadable = (why: string) => faults.push(new Error(why))
      await mirror.refresh(async () => await catalogue.list(unreadable))
      if (mirror.isStale) return
      faults.push(...(await this.#settleAll()))
      await retention.tend(await catalogue.listParked(unreadable), passed)
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
    if (why !== undefined) throw new Barred(registration.bar(why))
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

  async #alone(name: VolumeName, faults: Error[], job: () => Promise<void>): Promise<void> {
    try {
      await this.#parts.queue.run(name, job)
    } catch (error) {
      if (!isOutage(error) && !(error instanceof Refusal)) faults.push(error as Error)
    }
  }
}
