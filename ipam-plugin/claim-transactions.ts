import { commitFirmly } from '../shared/commit-firmly.ts'
import { OutcomeUnknown, unchanged } from '../shared/store.ts'
import type { Entry, Store } from '../shared/store.ts'
import type { AddressEntry } from './journal.ts'
import { write } from './records.ts'
import type { Registration } from './registration.ts'
import { opOf, usedRecord } from './used-record.ts'

/** Who an address is claimed for, as far as the engine tells. */
export type Endpoint = { readonly mac?: string; readonly name?: string }

/**
 * Somebody has it: the record that stands there, or undefined where it is being claimed or released right here.
 * `doubtful`: an attempt of this claim may still commit, so its intent stays until it is settled.
 */
export type Lost = { readonly lostTo: Entry | undefined; readonly doubtful: boolean }

/** When a request may no longer begin another attempt, as `performance.now()`. */
export type Deadline = number

/** For whom, instead of what, and until when. */
export type Claim = {
  readonly read: Entry | undefined
  readonly endpoint: Endpoint
  readonly deadline: Deadline
}

/** Taking back is bounded by itself: whoever waits for it, waits less. */
const DELIVER_WITHIN_MS = 1500

/** The transactions of addresses that endpoints have: each is repeated until it is known what became of it. */
export class ClaimTransactions {
  readonly #store: Store
  readonly #registration: Registration

  constructor(store: Store, registration: Registration) {
    this.#store = store
    this.#registration = registration
  }

  /**
   * Claims the address for what `entry` says, if it is still as it was `read`. Undefined: it is ours.
   *
   * @throws {OutcomeUnknown} it may be ours, or may still become so
   * @throws {StoreUnavailable | Refusal} it is not
   */
  async claim(
    key: string,
    entry: AddressEntry,
    { read, endpoint, deadline }: Claim,
  ): Promise<Lost | undefined> {
    const isMine = (current: ReadonlyMap<string, Entry>) => opOf(current.get(key)) === entry.op
    const { epoch } = this.#registration.place
    for (;;) {
      const require = [unchanged(key, read), ...this.#registration.place.claimConditions()]
      const { host, generation } = this.#registration
      const known = { ...endpoint, since: new Date().toISOString() }
      const value = write(usedRecord(entry, host, generation, known))
      const transaction = { require, write: [{ put: key, value }] }
      const sentAt = performance.now()
      const result = await commitFirmly(this.#store, transaction, isMine, deadline)
      if (this.#registration.place.epoch !== epoch) {
        throw new OutcomeUnknown('This host had to register anew meanwhile; try again')
      }
      if (result.committed) {
        this.#registration.place.stood(sentAt)
        return undefined
      }
      const now = result.current.get(key)
      if (now?.revision !== read?.revision) return { lostTo: now, doubtful: result.doubtful }
      await this.#registration.refresh(result.current)
      if (performance.now() > deadline) throw new OutcomeUnknown('The fence moved too often')
    }
  }

  /** Makes the record idle if it is still this claim's; else it is not ours to touch. */
  async release(key: string, entry: AddressEntry, cooldownMs: number): Promise<void> {
    for (;;) {
      const found = await this.#store.get(key)
      if (opOf(found) !== entry.op) return
      const value = write({ state: 'idle', until: Date.now() + cooldownMs })
      const transaction = { require: [unchanged(key, found)], write: [{ put: key, value }] }
      const deadline = performance.now() + DELIVER_WITHIN_MS
      const result = await commitFirmly(this.#store, transaction, () => false, deadline)
      if (result.committed) return
    }
  }
}
