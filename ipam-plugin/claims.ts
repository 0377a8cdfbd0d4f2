import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { Refusal } from '../shared/refusal.ts'
import type { Entry, Store } from '../shared/store.ts'
import { isOutage } from '../shared/store.ts'
import { within } from '../shared/within.ts'
import { formatAddress } from './addresses.ts'
import type { Address } from './addresses.ts'
import { ClaimTransactions } from './claim-transactions.ts'
import type { Claim, Deadline, Endpoint, Lost } from './claim-transactions.ts'
import type { AddressEntry, Journal } from './journal.ts'
import { addressKey } from './keys.ts'
import type { Pool, PoolId } from './pool-id.ts'
import type { Registration } from './registration.ts'
import { unknownPool } from './sentences.ts'
import { Steps } from './steps.ts'

/** A pool, and how long its released addresses rest. */
export type PoolHere = { readonly pool: Pool; readonly cooldownMs: number }

/** A pool that may be claimed from for as long as it is joined. */
export type JoinedPool = PoolHere & { readonly isJoined: () => boolean }

/** An address, and what the store held for it when it was `read`. */
export type Target = { readonly address: Address; readonly read: Entry | undefined }

/** Who asked, and how long it may take. */
export type Caller = { readonly caller: AbortSignal; readonly deadline: Deadline }

/** The engine is answered after this time: the release is in the journal, and is delivered as soon as it can be. */
const ANSWER_AFTER_MS = 250

/**
 * Takes addresses for endpoints of this host and gives them back: the two halves of the protocol that must survive a
 * crash between any two steps. The journal is always one step ahead of the store.
 */
export class Claims {
  readonly #transactions: ClaimTransactions
  readonly #journal: Journal
  readonly #registration: Registration
  readonly #steps = new Steps()

  constructor(store: Store, journal: Journal, registration: Registration) {
    this.#transactions = new ClaimTransactions(store, registration)
    this.#journal = journal
    this.#registration = registration
  }

  /** Whether a step for the address is under way here, or failed: then it is not to be tried, whatever the store says. */
  isUnderWay(key: string): boolean {
    return this.#steps.isUnderWay(key)
  }

  /**
   * Claims one address, if it is still as it was `read`. Returns undefined once it is ours and the caller, still there,
   * may be told.
   *
   * @throws {Refusal} `caller-gone`: the claim was taken back, since nobody would ever release it
   */
  async claim(
    { pool, cooldownMs, isJoined }: JoinedPool,
    { address, read }: Target,
    endpoint: Endpoint,
    { caller, deadline }: Caller,
  ): Promise<Lost | undefined> {
    const key = addressKey(pool.segment, address)
    if (this.isUnderWay(key) || this.#journal.address(key))
      return { lostTo: undefined, doubtful: false }
    const { boot } = this.#registration.host
    const entry: AddressEntry = { state: 'intent', pool: pool.id, op: randomUUID(), boot }
    return await this.#exclusively(key, entry, async () => {
      const lost = await this.#claim(key, entry, { isJoined, read, endpoint, deadline })
      if (lost) return lost
      // One turn of the event loop, so that a hang-up which has already arrived is seen before the answer is begun.
      await turn()
      if (!caller.aborted) return undefined
      await this.#takeBack(key, entry, cooldownMs)
      throw new Refusal(
        'caller-gone',
        `The engine hung up; ${formatAddress(address)} was taken back`,
      )
    })
  }

  /**
   * Releases the address if this host holds it for this pool; else there is nothing to do. When the store cannot be
   * reached, the release is kept and delivered later.
   */
  async release(
    { pool, cooldownMs }: PoolHere,
    address: Address,
  ): Promise<'released' | 'queued' | 'not-held'> {
    const key = addressKey(pool.segment, address)
    for (let step = this.#steps.waitedFor(key); step; step = this.#steps.waitedFor(key)) await step
    const entry = this.#journal.address(key)
    if (!entry || entry.pool !== pool.id || entry.state === 'intent' || this.#steps.isBusy(key)) {
      return 'not-held'
    }
    if (this.#steps.isDoubtful(key) || !this.#registration.place.isIntact) {
      return await this.#queueRelease(key, entry)
    }
    const delivery = this.#exclusively(key, entry, () => this.#takeBack(key, entry, cooldownMs))
    const released = delivery.then(() => 'released' as const)
    try {
      const outcome = await within(released, ANSWER_AFTER_MS)
      if (outcome) return outcome
    } catch (error) {
      if (!isOutage(error)) throw error
    }
    await this.#journal.sync()
    return 'queued'
  }

  /** Marks the entry as one that nothing will come of, to be settled. Nobody is given the address before it is. */
  abandon(key: string, entry: AddressEntry): void {
    this.#steps.fail(key, entry)
  }

  /** Runs a step for an address once no other is under way, if it is held then; a release waits for the end of it. */
  async whileHeld(key: string, step: (entry: AddressEntry) => Promise<void>): Promise<void> {
    await this.#steps.runWaitedFor(key, async () => {
      const entry = this.#journal.address(key)
      if (entry?.state === 'held' && !this.#steps.failed.has(key)) await step(entry)
    })
  }

  /** Whether steps for the pool's addresses wait to be settled, its queued releases among them. */
  hasUnsettled(pool: PoolId): boolean {
    return this.#steps.hasFailedIn(pool)
  }

  /** Entries, by key, of steps that failed in this life of the process, whatever the journal says of them. */
  get failed(): ReadonlyMap<string, AddressEntry> {
    return this.#steps.failed
  }

  /**
   * Releases what `entry` stands for, unless a step for the address is under way: for settling alone, which knows that the
   * engine was never told, or that no container is left.
   */
  async finish(key: string, entry: AddressEntry, cooldownMs: number): Promise<void> {
    if (this.#steps.isBusy(key)) return
    await this.#exclusively(key, entry, () => this.#takeBack(key, entry, cooldownMs))
    this.#steps.settled(key)
  }

  /** Delivered when what was sent for the address before is fenced off, and this host is in the store. */
  async #queueRelease(key: string, entry: AddressEntry): Promise<'queued'> {
    this.#journal.writeAddress(key, { ...entry, state: 'releasing' })
    this.#steps.fail(key, entry)
    await this.#journal.sync()
    return 'queued'
  }

  async #claim(key: string, entry: AddressEntry, attempt: Attempt): Promise<Lost | undefined> {
    this.#journal.writeAddress(key, entry)
    // Whoever leaves the pool looks for entries only after it is no longer joined: one of us sees the other.
    if (!attempt.isJoined()) {
      this.#journal.writeAddress(key, undefined)
      throw unknownPool(entry.pool)
    }
    const lost = await this.#transactions.claim(key, entry, attempt)
    if (lost?.doubtful) this.#steps.fail(key, entry)
    else this.#journal.writeAddress(key, lost ? undefined : { ...entry, state: 'held' })
    return lost
  }

  /** Releases the address in the store and here. What an earlier epoch saw or wrote there may be gone: it is done again. */
  async #takeBack(key: string, entry: AddressEntry, cooldownMs: number): Promise<void> {
    this.#journal.writeAddress(key, { ...entry, state: 'releasing' })
    for (let epoch; epoch !== this.#registration.place.epoch;) {
      epoch = this.#registration.place.epoch
      await this.#transactions.release(key, entry, cooldownMs)
    }
    this.#journal.writeAddress(key, undefined)
  }

  async #exclusively<T>(key: string, entry: AddressEntry, step: () => Promise<T>): Promise<T> {
    return await this.#steps.run(key, async () => {
      try {
        return await step()
      } catch (error) {
        if (!(error instanceof Refusal) || this.#journal.address(key)) this.#steps.fail(key, entry)
        throw error
      }
    })
  }
}

type Attempt = Claim & { readonly isJoined: () => boolean }
