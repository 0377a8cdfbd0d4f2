import { WIPING } from './claim.ts'
import type { Claim, ClaimId, ClaimState } from './claim.ts'
import { isVolumeClaim } from './claims.ts'
import type { Claims } from './claims.ts'
import type { Locks } from './locks.ts'
import type { Mounting } from './mounting.ts'
import type { Resuming } from './resuming.ts'

/** Of a host that stood still for longer nobody can say that it kept anything. */
const MOST_PASSED_MS = 60_000
/** How often the time that a parked volume has been kept is written down. */
const NOTED_EVERY_MS = 10 * 60_000

/**
 * The work that nobody waits for: claims that were left in the middle, mounts that nobody has, parked volumes whose time
 * has come. That time is counted while the plugin runs, not read from a clock, which may be set forward by years.
 */
export class Keeping {
  readonly #claims: Claims
  readonly #mounting: Mounting
  readonly #resuming: Resuming
  readonly #locks: Locks
  /** Of each time in the park, and not yet written down: what was brought back and is removed again is kept anew. */
  readonly #kept = new WeakMap<ClaimState, number>()
  readonly #underWay = new Map<ClaimId, Promise<void>>()
  #last: number

  /** @param now of a clock that is never set, in milliseconds */
  constructor(claims: Claims, mounting: Mounting, resuming: Resuming, locks: Locks, now: number) {
    this.#claims = claims
    this.#mounting = mounting
    this.#resuming = resuming
    this.#locks = locks
    this.#last = now
  }

  /** Returns when all of it is done, which may be never: a disk that hangs holds up its own claim alone. */
  async tend(now: number): Promise<void> {
    const passed = Math.min(now - this.#last, MOST_PASSED_MS)
    this.#last = now
    for (const { state } of this.#claims.all()) {
      if (state.is === 'parked') this.#kept.set(state, (this.#kept.get(state) ?? 0) + passed)
    }
    const ids = new Set([...this.#claims.unsure, ...this.#claims.all().map(({ id }) => id)])
    for (const id of ids) if (!this.#underWay.has(id) && this.#isDue(id)) this.#begin(id)
    await Promise.all(this.#underWay.values())
  }

  /** Nothing of it is under way any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#underWay.values())
  }

  /** Of hundreds of claims, most need nothing: to look at each under its lock would hold up requests. */
  #isDue(id: ClaimId): boolean {
    const claim = this.#claims.get(id)
    if (!claim || this.#claims.unsure.includes(id)) return true
    switch (claim.state.is) {
      case 'ready':
        return this.#mounting.isIdle(id)
      case 'parked': {
        const more = this.#kept.get(claim.state) ?? 0
        return more >= Math.min(NOTED_EVERY_MS, claim.state.keepMs - claim.state.keptMs)
      }
      case 'quarantined':
        return false
      case 'intent':
      case 'marked':
      case 'formatting':
      case 'formatted':
      case 'wiping':
        return true
      default:
        return claim.state satisfies never
    }
  }

  #begin(id: ClaimId): void {
    const claim = this.#claims.get(id)
    const isWiping = claim?.state.is === 'wiping'
    const job = async () => await this.#tendTo(id, isWiping)
    const work = (claim ? this.#locks.of(claim, job) : job())
      .catch(error => this.#resuming.note(id, error))
      .finally(() => this.#underWay.delete(id))
    this.#underWay.set(id, work)
  }

  /** Under the claim's lock, so that it is read only now; one that is to be wiped by now has another lock. */
  async #tendTo(id: ClaimId, isWiping: boolean): Promise<void> {
    await this.#claims.settle(id)
    const claim = this.#claims.get(id)
    if (!claim || (claim.state.is === 'wiping' && !isWiping)) return
    if (claim.state.is === 'parked') await this.#age(claim)
    else if (claim.state.is !== 'ready') await this.#resuming.resume(claim)
    else if (isVolumeClaim(claim)) await this.#mounting.letGo(claim)
  }

  async #age(claim: Claim): Promise<void> {
    if (claim.state.is !== 'parked') return
    const { keptMs, keepMs } = claim.state
    const more = this.#kept.get(claim.state) ?? 0
    if (keptMs + more >= keepMs) {
      // Begun when claims are tended to next, under the lock of a claim without a name.
      await this.#claims.become(claim, WIPING)
    } else if (more >= NOTED_EVERY_MS) {
      await this.#claims.become(claim, { ...claim.state, keptMs: keptMs + more })
    }
  }
}
