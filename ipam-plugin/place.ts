import { Refusal } from '../shared/refusal.ts'
import type { Condition, Entry } from '../shared/store.ts'
import type { Host } from '../shared/host.ts'
import { unchangedSince } from './observe.ts'
import type { Entries } from './observe.ts'
import type { HostRecord } from './records.ts'

/** This host's record as this instance wrote it last, and what stood in the store with it. */
export type Held = {
  readonly history: string
  readonly record: HostRecord
  readonly entries: Entries
}

/**
 * This host's place in the store, as this instance saw it last: every transaction requires it to be as it was. That
 * condition is the fence.
 *
 * Where the store is shared, they also require this host's last sign of life, which is not there in a store that was set
 * back to an older state; and that no recovery was called for since.
 */
export class Place {
  readonly #host: Host
  /** Undefined before this instance registered. */
  #held: Held | undefined
  #isIntact = false
  #isOpen = false
  #epoch = 0
  #stoodUntil = -Infinity

  constructor(host: Host) {
    this.#host = host
  }

  /** Whether the record was as this instance wrote it when it was last looked at. */
  get isIntact(): boolean {
    return this.#isIntact
  }

  /** @throws {Refusal} before the first registration */
  get held(): Held {
    if (this.#held) return this.#held
    throw new Refusal('not-ready', 'This host is not registered in the store yet; try again')
  }

  /** Of the last registration. */
  get generation(): number | undefined {
    return this.#held?.record.generation
  }

  /**
   * Changes whenever this host may have lost its place: what was sent in one epoch is not to be believed in another, since
   * the answer may be of a store that was set back meanwhile.
   */
  get epoch(): number {
    return this.#epoch
  }

  /** Until when it is known to have stood so, as `performance.now()`. */
  get stoodUntil(): number {
    return this.#stoodUntil
  }

  /** Something that required all of it was sent at `sentAt`, and committed. */
  stood(sentAt: number): void {
    this.#stoodUntil = Math.max(this.#stoodUntil, sentAt)
  }

  /** What every transaction of this host requires. @throws {Refusal} while this host is not registered */
  conditions(): Condition[] {
    const { history, entries } = this.held
    if (!this.#isIntact) throw this.dislodged()
    return unchangedSince(this.#host.id, history, entries)
  }

  /** Whether all of the fence still held in what a lost commit found; where not, `Registration.refresh` tells why. */
  stillHeld(current: ReadonlyMap<string, Entry>): boolean {
    return this.conditions().every(condition => {
      const found = current.get(condition.key)?.revision
      return condition.is === 'absent' ? found === undefined : found === condition.revision
    })
  }

  /** What a claim requires. @throws {Refusal} while none may be sent */
  claimConditions(): Condition[] {
    if (!this.#isOpen) {
      throw new Refusal('not-ready', 'This host is claiming its own addresses again; try again')
    }
    return this.conditions()
  }

  /** From now on claims may be sent. */
  open(): void {
    this.#isOpen = true
  }

  /** No claim may be sent any more. */
  close(): void {
    this.#isOpen = false
  }

  /** This is how it stands by now; whether it is intact does not change. */
  hold(held: Held): void {
    this.#held = held
    this.stood(performance.now())
  }

  /** It was just written anew. */
  mend(): void {
    this.#isIntact = true
  }

  /** It may be somebody else's. */
  lapse(): void {
    this.#isIntact = false
    this.#epoch += 1
  }

  dislodged(): Refusal {
    return new Refusal(
      'not-ready',
      `Host ${this.#host.name} was evicted, or its record was changed by somebody else; it is registering anew: try again`,
    )
  }
}
