import { setTimeout as sleep } from 'node:timers/promises'
import { Refusal } from '../shared/refusal.ts'
import { isOutage } from '../shared/store.ts'
import type { Store } from '../shared/store.ts'
import { within } from '../shared/within.ts'
import { namesakesOf } from './namesakes.ts'
import type { PoolId } from './pool-id.ts'
import type { Pools } from './pools.ts'
import type { Recovering } from './recovering.ts'
import { Barred } from './registration.ts'
import type { Registration } from './registration.ts'
import type { Returning } from './returning.ts'
import type { Settlement } from './settlement.ts'

/**
 * - `starting`, `returning`: registering, or claiming again what the journal holds.
 * - `serving`: addresses are given.
 * - `store-away`: the store could not be reached when this host wanted to register.
 * - `suspended`: nothing is given until somebody did what `reason` says, or until all other hosts have come as far.
 */
export type MemberState =
  | { readonly is: 'starting' | 'returning' | 'serving' }
  | { readonly is: 'store-away' | 'suspended'; readonly reason: string }

/** What an operator should read in the log. */
export type Report = (level: 'info' | 'warn' | 'error', message: string, details?: object) => void

type Parts = {
  readonly store: Store
  readonly registration: Registration
  readonly settlement: Settlement
  readonly returning: Returning
  readonly recovering: Recovering
  readonly pools: Pools
  readonly report: Report
  /** Why this machine may not use the identity in its state directory. */
  readonly barred: () => string | undefined
  readonly beatEveryMs: number
}

/** For an attempt to enter the store, where there was a reason not to. */
const ATTEMPT_MS = 1200
/** So that an eviction or a recovery is noticed although nothing is asked of this host. */
const LOOK_AFTER_MS = 5000
/** For this host to register, and to claim again what it holds. */
const WAIT_MS = 20_000

/**
 * This host among those that share the store: registers it, brings it back after an eviction or a recovery, and says when
 * addresses may be given. What the journal alone can answer does not ask here.
 */
export class Membership {
  readonly #parts: Parts
  #state: MemberState = { is: 'starting' }
  #running: Promise<void> | undefined
  #beatAt = 0
  #reported: string | undefined
  /** Why the store could not be reached when it was last asked, although this host serves. */
  #outage: string | undefined

  constructor(parts: Parts) {
    this.#parts = parts
  }

  get state(): MemberState {
    if (!this.#isServing || this.#outage === undefined) return this.#state
    return { is: 'store-away', reason: this.#outage }
  }

  /**
   * Resolves when addresses may be given: also where this host is claiming its own again, which ends.
   *
   * @throws {Refusal} `not-ready`, with the reason, within two seconds of there being one
   */
  async serving(): Promise<void> {
    // The engine asks for one address after the other, also while it starts: they must not all wait for a store that is
    // known to be away. One more attempt fails at once, unless it is back.
    if ('reason' in this.#state) await this.#attempt()
    const started = performance.now()
    while (!this.#isServing) {
      const isLate = performance.now() - started > WAIT_MS
      if ('reason' in this.#state || isLate) throw this.#refusal()
      if (this.#state.is === 'serving') void this.tend().catch(() => {})
      await sleep(20)
    }
  }

  async #attempt(): Promise<void> {
    const tended = this.tend().catch(() => {})
    await within(tended, ATTEMPT_MS)
  }

  /**
   * Does what is due: enters the store where this host is not in it, settles what failed, gives a sign of life. Called
   * every few seconds; one at a time.
   *
   * @throws {Error} what is neither an outage nor a bar
   */
  async tend(): Promise<void> {
    this.#running ??= this.#tend().finally(() => (this.#running = undefined))
    await this.#running
  }

  /** Looks at the store now, as an operator expects whose word is to be carried out. */
  async look(): Promise<void> {
    if (this.#isServing) await this.#parts.registration.refresh().catch(() => {})
    if (!this.#isServing) await this.#attempt()
  }

  get #isServing(): boolean {
    return this.#state.is === 'serving' && this.#parts.registration.place.isIntact
  }

  async #tend(): Promise<void> {
    const { registration, settlement, pools } = this.#parts
    const { place } = registration
    try {
      if (!this.#isServing) await this.#enter()
      if (!this.#isServing) return
      if (performance.now() - this.#beatAt >= this.#parts.beatEveryMs) await this.#beat()
      else if (performance.now() - place.stoodUntil >= LOOK_AFTER_MS) await registration.refresh()
      await settlement.settle(id => pools.cooldownOf(id))
      await pools.leaveEmpty()
      this.#outage = undefined
    } catch (error) {
      this.#stumble(error)
    }
  }

  /** In the order of the protocol. Nothing sent before commits after `register`; nothing is sent before `open`. */
  async #enter(): Promise<void> {
    const { registration, settlement, pools, report } = this.#parts
    registration.place.close()
    // Before it registers: requests that come now wait, rather than find the claims closed.
    if (this.#state.is === 'serving') this.#state = { is: 'returning' }
    const reason = this.#parts.barred()
    if (reason) throw new Barred(reason)
    const standing = await registration.register()
    if (this.#state.is !== 'starting') this.#state = { is: 'returning' }
    const cooldownOf = (id: PoolId) => pools.cooldownOf(id)
    await settlement.settle(cooldownOf)
    if (standing.is === 'recovering') {
      const waiting = await this.#parts.recovering.proceed(standing.id, this.#tell)
      if (waiting !== undefined) return this.#to({ is: 'suspended', reason: waiting })
    }
    if (standing.is === 'returning') report('warn', RETURNING)
    if (!registration.isReturned) await this.#parts.returning.run(this.#tell)
    if (registration.mayHaveOrphans) {
      for (const here of pools.all()) await settlement.releaseOrphans(here)
      await registration.noteOrphansReleased()
    }
    await this.#beat()
    registration.place.open()
    this.#state = { is: 'serving' }
    this.#reported = undefined
    report('info', 'serving')
    if (standing.is === 'new') await this.#pointOutNamesakes()
  }

  async #pointOutNamesakes(): Promise<void> {
    const { store, registration, report } = this.#parts
    for (const namesake of await namesakesOf(store, registration.host)) {
      report('warn', NAMESAKE, namesake)
    }
  }

  async #beat(): Promise<void> {
    const { registration } = this.#parts
    try {
      await registration.beat()
    } catch (error) {
      // Another store would refuse every beat: looking tells.
      if (isOutage(error)) await registration.refresh()
      throw error
    }
    this.#beatAt = performance.now()
  }

  readonly #tell = (what: string, why: string) => this.#parts.report('error', LOST, { what, why })

  /** While it serves, each request finds out for itself what is wrong. */
  #stumble(error: unknown): void {
    if (error instanceof Refusal) return
    const reason = error instanceof Error ? error.message : String(error)
    if (isOutage(error)) this.#outage = reason
    if (!this.#isServing) {
      this.#to(isOutage(error) ? { is: 'store-away', reason } : { is: 'suspended', reason })
    }
    if (!isOutage(error) && !(error instanceof Barred)) throw error
  }

  #to(state: Extract<MemberState, { reason: string }>): void {
    this.#state = state
    if (this.#reported === state.reason) return
    this.#reported = state.reason
    const level = state.is === 'suspended' ? 'error' : 'warn'
    this.#parts.report(level, 'no addresses are given', { reason: state.reason })
  }

  #refusal(): Refusal {
    const why = 'reason' in this.#state ? this.#state.reason : 'it is still reading its state'
    return new Refusal('not-ready', `No address can be given yet: ${why}`)
  }
}

const RETURNING =
  'This host was evicted, or comes from another store: it claims its pools and addresses again'
const NAMESAKE =
  'Another host has the name of this one. If it is this machine before it was set up anew, run: berth host evict ID'
const LOST =
  'Lost while this host was away: a container here may use what others have by now. Stop it, and start it again'
