import { setTimeout as sleep } from 'node:timers/promises'
import type { AddressEntry } from './journal.ts'
import type { PoolId } from './pool-id.ts'

const LOOK_AGAIN_AFTER_MS = 10

/**
 * What goes on with which address here, by its key in the store: one step at a time. Steps that failed are remembered
 * until they are settled.
 */
export class Steps {
  /** Nobody else may touch them before the step ends. */
  readonly #busy = new Set<string>()
  /** Steps for held addresses: a release waits for their end. */
  readonly #waitedFor = new Map<string, Promise<void>>()
  readonly #doubtful = new Set<string>()
  readonly #failed = new Map<string, AddressEntry>()

  /** Whether a step is under way, or failed: then the address is not to be tried, whatever the store says. */
  isUnderWay(key: string): boolean {
    return this.#busy.has(key) || this.#failed.has(key)
  }

  isBusy(key: string): boolean {
    return this.#busy.has(key)
  }

  /** Whether a step for the held address ended badly: what it sent may still commit. */
  isDoubtful(key: string): boolean {
    return this.#doubtful.has(key)
  }

  /** Entries of steps that ended badly in this life of the process: they are settled, whatever the journal says. */
  get failed(): ReadonlyMap<string, AddressEntry> {
    return this.#failed
  }

  fail(key: string, entry: AddressEntry): void {
    this.#failed.set(key, entry)
  }

  settled(key: string): void {
    this.#failed.delete(key)
  }

  hasFailedIn(pool: PoolId): boolean {
    return [...this.#failed.values()].some(entry => entry.pool === pool)
  }

  async run<T>(key: string, step: () => Promise<T>): Promise<T> {
    this.#busy.add(key)
    try {
      return await step()
    } finally {
      this.#busy.delete(key)
    }
  }

  /** Runs a step once no other is under way for the address; a release waits for the end of it. */
  async runWaitedFor(key: string, step: () => Promise<void>): Promise<void> {
    while (this.#busy.has(key)) await sleep(LOOK_AGAIN_AFTER_MS)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waitedFor.set(key, promise)
    try {
      await this.run(key, step)
      this.#doubtful.delete(key)
    } catch (error) {
      this.#doubtful.add(key)
      throw error
    } finally {
      this.#waitedFor.delete(key)
      resolve()
    }
  }

  /** Resolves with the end of a step that a release has to wait for; undefined: there is none. */
  waitedFor(key: string): Promise<void> | undefined {
    return this.#waitedFor.get(key)
  }
}
