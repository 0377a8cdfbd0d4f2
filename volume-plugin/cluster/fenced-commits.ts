import { setTimeout as sleep } from 'node:timers/promises'
import { Refusal } from '../../shared/refusal.ts'
import { OutcomeUnknown, StoreUnavailable, isOutage } from '../../shared/store.ts'
import type { Condition, Entry, Store, Transaction, Write } from '../../shared/store.ts'
import { Barred } from './registration.ts'
import type { Registration } from './registration.ts'

/** What cannot work says why within 2 s, and a commit may take one of them: after this none is sent again. */
const FIRM_MS = 1000
const AGAIN_AFTER_MS = 50
/** For as long as others win. */
const DEADLINE_MS = 8000

/** A transaction to be, and what it comes to. Without writes there is nothing to commit. */
export type Plan<T> = {
  readonly require: readonly Condition[]
  /** Of keys that are all required to be as they were read. */
  readonly write: readonly Write[]
  readonly result: T
}

/** The entry of a key as it stands now, or as it stood when the last attempt was lost. */
export type Read = (key: string) => Promise<Entry | undefined>

type Outcome =
  | { readonly committed: true }
  | { readonly committed: false; readonly current: ReadonlyMap<string, Entry> }

/**
 * Commits under this host's fence, again until it is won or refused. What is of unknown outcome does not commit any more once
 * this host sent something else.
 */
export class FencedCommits {
  readonly #store: Store
  readonly #registration: Registration
  /** The fence of what may still commit. */
  #doubted: Condition | undefined

  constructor(store: Store, registration: Registration) {
    this.#store = store
    this.#registration = registration
  }

  /**
   * @param plan made of what `read` gives; made anew whenever an attempt was lost
   * @param signal ends it between two attempts, unless one of them is of unknown outcome
   * @throws {StoreUnavailable} nothing was written
   * @throws {OutcomeUnknown} after 2 s or so
   * @throws {Refusal} `not-ready` while this host is not registered; `deadline` where others won for 8 s
   */
  async commit<T>(plan: (read: Read) => Promise<Plan<T>>, signal?: AbortSignal): Promise<T> {
    const attempts = new Attempts(signal)
    try {
      for (;;) {
        const made = await this.#attempt(plan, attempts)
        if (made) return made.result
      }
    } catch (error) {
      if (error instanceof StoreUnavailable) attempts.fail(error)
      throw error
    }
  }

  /** Undefined where it was lost. */
  async #attempt<T>(
    plan: (read: Read) => Promise<Plan<T>>,
    attempts: Attempts,
  ): Promise<{ readonly result: T } | undefined> {
    attempts.requireTime()
    // Taken before anything is read: what was read without it might be of another store.
    const fence = await this.#settledFence().catch(error => attempts.fail(error))
    const { epoch } = this.#registration
    const { require, write, result } = await plan(
      async key => await (attempts.known.get(key) ?? this.#store.get(key)),
    )
    if (write.length === 0) return { result }
    const outcome = await this.#firmly({ require: [fence, ...require], write }, fence, attempts)
    if (this.#registration.epoch !== epoch) {
      throw new OutcomeUnknown('This host had to register anew meanwhile; try again')
    }
    if (outcome.committed) {
      // What it required to be absent may be so again, once somebody deleted it.
      if (attempts.isDoubtful) await this.#settledFence().catch(() => undefined)
      return { result }
    }
    attempts.lose(require, outcome.current)
    const isFenced = outcome.current.get(fence.key)?.revision !== revisionOf(fence)
    if (isFenced) await this.#reenter(outcome.current).catch(error => attempts.fail(error))
    return undefined
  }

  /** A volume was taken from this host, perhaps: what it sends next is decided by what the store has now. */
  async #reenter(current: ReadonlyMap<string, Entry>): Promise<void> {
    if ((await this.#registration.refresh(current)) !== 'raised') return
    try {
      await this.#registration.register()
    } catch (error) {
      throw error instanceof Barred
        ? new Refusal('not-ready', error.message, { cause: error })
        : error
    }
  }

  async #settledFence(): Promise<Condition> {
    const doubted = this.#doubted
    if (doubted) {
      await this.#registration.fence(doubted)
      if (this.#doubted === doubted) this.#doubted = undefined
    }
    return this.#registration.condition()
  }

  /** The very same again while the outcome is unknown: a loss to what it would have written is the win of an earlier one. */
  async #firmly(transaction: Transaction, fence: Condition, attempts: Attempts): Promise<Outcome> {
    let unknown: OutcomeUnknown | undefined
    for (;;) {
      try {
        const outcome = await this.#store.commit(transaction)
        const isMine =
          unknown && !outcome.committed && isAsWritten(transaction.write, outcome.current)
        return isMine ? { committed: true } : outcome
      } catch (error) {
        if (error instanceof OutcomeUnknown) {
          unknown = error
          attempts.isDoubtful = true
          // Whatever was sent under an older one is settled.
          if (this.#registration.isCurrent(fence)) this.#doubted = fence
        }
        if (!unknown || !isOutage(error)) throw error
        if (performance.now() + AGAIN_AFTER_MS > attempts.started + FIRM_MS) throw unknown
        await sleep(AGAIN_AFTER_MS)
      }
    }
  }
}

/** What became of one call's attempts so far. */
class Attempts {
  readonly started = performance.now()
  readonly #signal: AbortSignal | undefined
  /** Whether one of them may have committed, unknown to this call. */
  isDoubtful = false
  /** What the last one was lost to: it is read already. */
  known: ReadonlyMap<string, Promise<Entry | undefined>> = new Map()

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
  }

  requireTime(): void {
    if (!this.isDoubtful) this.#signal?.throwIfAborted()
    if (performance.now() < this.started + DEADLINE_MS) return
    this.fail(new Refusal('deadline', 'Too many hosts change the same volume at once; try again'))
  }

  /** Whatever went wrong: of what may have committed, that is what is to be told. */
  fail(error: Error): never {
    throw this.isDoubtful ? new OutcomeUnknown(error.message, { cause: error }) : error
  }

  lose(require: readonly Condition[], current: ReadonlyMap<string, Entry>): void {
    this.known = new Map(require.map(({ key }) => [key, Promise.resolve(current.get(key))]))
  }
}

const revisionOf = (condition: Condition) =>
  condition.is === 'at' ? condition.revision : undefined

function isAsWritten(write: readonly Write[], current: ReadonlyMap<string, Entry>): boolean {
  return write.every(one =>
    'put' in one ? current.get(one.put)?.value === one.value : !current.has(one.delete),
  )
}
