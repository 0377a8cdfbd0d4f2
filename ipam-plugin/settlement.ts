import { entriesBetween } from '../shared/pages.ts'
import { endOf, unchanged } from '../shared/store.ts'
import type { Entry, Store } from '../shared/store.ts'
import { rangeOf } from './addresses.ts'
import type { Claims, PoolHere } from './claims.ts'
import type { AddressEntry, Journal } from './journal.ts'
import { addressKey, ADDRESSES } from './keys.ts'
import type { PoolId } from './pool-id.ts'
import { readAddress, write } from './records.ts'
import type { UsedRecord } from './records.ts'
import type { Registration } from './registration.ts'

const AT_ONCE = 64

/** Finishes what a crash, a reboot or an outage left behind. */
export class Settlement {
  readonly #store: Store
  readonly #journal: Journal
  readonly #registration: Registration
  readonly #claims: Claims

  constructor(store: Store, journal: Journal, registration: Registration, claims: Claims) {
    this.#store = store
    this.#journal = journal
    this.#registration = registration
    this.#claims = claims
  }

  /** Marks what a crash or a reboot left in the journal, so that it is settled and not claimed before. */
  async load(): Promise<void> {
    for await (const [key, entry] of this.#journal.addresses()) {
      if (this.#isOver(entry)) this.#claims.abandon(key, entry)
    }
  }

  /** Claims that were never answered are taken back, releases delivered, addresses of an earlier boot released. */
  async settle(cooldownOf: (pool: PoolId) => number): Promise<void> {
    const left = [...this.#claims.failed]
    if (left.length === 0) return
    // Whatever was sent under the old fence and has not committed by now never will; only now a read can be trusted.
    await this.#registration.fence()
    for (let i = 0; i < left.length; i += AT_ONCE) {
      const some = left.slice(i, i + AT_ONCE)
      await Promise.all(some.map(([key, entry]) => this.#finish(key, entry, cooldownOf)))
    }
  }

  /**
   * After a reboot the journal may have lost what was not synced: what the store still has as used by an earlier boot of
   * this host, and the journal does not know, is released. No container outlives its boot.
   */
  async releaseOrphans({ pool, cooldownMs }: PoolHere): Promise<void> {
    const { family, first, last } = rangeOf(pool.subnet)
    const { boot } = this.#registration.host
    await this.#release(
      addressKey(pool.segment, { family, value: first }),
      `${addressKey(pool.segment, { family, value: last })}\0`,
      ({ key }, record) => record.boot !== boot && !this.#journal.address(key),
      () => cooldownMs,
    )
  }

  /** After the store was set back: what it has as used by this host in operations that the journal does not know is released. */
  async releaseUnknown(cooldownOf: (pool: PoolId) => number): Promise<void> {
    const isUnknown = ({ key }: Entry, { op }: UsedRecord) => {
      const known = this.#journal.address(key)
      return known?.op !== op || known.state === 'lost'
    }
    await this.#release(ADDRESSES, endOf(ADDRESSES), isUnknown, cooldownOf)
  }

  async #finish(key: string, entry: AddressEntry, cooldownOf: (pool: PoolId) => number) {
    if (this.#claims.failed.get(key) !== entry) return
    await this.#claims.finish(key, entry, cooldownOf(entry.pool))
  }

  async #release(
    from: string,
    to: string,
    isOrphan: (entry: Entry, record: UsedRecord) => boolean,
    cooldownOf: (pool: PoolId) => number,
  ): Promise<void> {
    for await (const entry of entriesBetween(this.#store, from, to)) {
      const record = readAddress(entry)
      if (record.state !== 'used' || record.host !== this.#registration.host.id) continue
      if (!isOrphan(entry, record)) continue
      await this.#makeIdle(entry, cooldownOf(record.pool))
    }
  }

  async #makeIdle(entry: Entry, cooldownMs: number): Promise<void> {
    for (;;) {
      const value = write({ state: 'idle', until: Date.now() + cooldownMs })
      const result = await this.#store.commit({
        require: [unchanged(entry.key, entry), ...this.#registration.place.conditions()],
        write: [{ put: entry.key, value }],
      })
      // Somebody changed it since: then it is not this record any more.
      const isDone = result.committed || result.current.get(entry.key)?.revision !== entry.revision
      if (isDone) return
      await this.#registration.refresh()
    }
  }

  /** Nothing will come of it: never answered, being released, or of an earlier boot. */
  #isOver({ state, boot }: AddressEntry): boolean {
    return state === 'intent' || state === 'releasing' || boot !== this.#registration.host.boot
  }
}
