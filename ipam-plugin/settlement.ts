import type { Entry, Store } from '../shared/store.ts'
import { rangeOf } from './addresses.ts'
import type { Claims, PoolHere } from './claims.ts'
import type { AddressEntry, Journal } from './journal.ts'
import { addressKey } from './keys.ts'
import type { PoolId } from './pool-id.ts'
import { readAddress } from './records.ts'
import type { Registration } from './registration.ts'

const AT_ONCE = 64
const PAGE = 500

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

  /** Whether something failed since the start. */
  get isNeeded(): boolean {
    return this.#claims.failed.size > 0
  }

  /** Claims that were never answered are taken back, releases delivered, addresses of an earlier boot released. */
  async settle(cooldownOf: (pool: PoolId) => number): Promise<void> {
    const left = new Map(this.#claims.failed)
    for await (const [key, entry] of this.#journal.addresses()) {
      if (this.#isOver(key, entry)) left.set(key, entry)
    }
    if (left.size === 0) return
    // Whatever was sent under the old fence and has not committed by now never will; only now a read can be trusted.
    await this.#registration.fence()
    const entries = [...left]
    for (let i = 0; i < entries.length; i += AT_ONCE) {
      const some = entries.slice(i, i + AT_ONCE)
      await Promise.all(some.map(([key, { pool }]) => this.#finish(key, cooldownOf(pool))))
    }
  }

  /**
   * After a reboot the journal may have lost what was not synced: what the store still has as used by an earlier boot of
   * this host, and the journal does not know, is released. No container outlives its boot.
   */
  async releaseOrphans({ pool, cooldownMs }: PoolHere): Promise<void> {
    const { family, first, last } = rangeOf(pool.subnet)
    const end = `${addressKey(pool.segment, { family, value: last })}\0`
    for (let from = addressKey(pool.segment, { family, value: first }); ;) {
      const page = await this.#store.list(from, end, PAGE)
      for (const entry of page) {
        from = `${entry.key}\0`
        const orphan = this.#journal.address(entry.key) ? undefined : this.#ofEarlierBoot(entry)
        if (orphan) await this.#claims.finish(entry.key, orphan, cooldownMs)
      }
      if (page.length < PAGE) return
    }
  }

  /** Asks again what the entry says: it may have been answered since it was listed. */
  async #finish(key: string, cooldownMs: number): Promise<void> {
    const entry = this.#journal.address(key) ?? this.#claims.failed.get(key)
    if (entry && this.#isOver(key, entry)) await this.#claims.finish(key, entry, cooldownMs)
  }

  /** Nothing will come of it: never answered, being released, of an earlier boot, or failed. */
  #isOver(key: string, { state, boot, op }: AddressEntry): boolean {
    if (state !== 'held' || boot !== this.#registration.host.boot) return true
    return this.#claims.failed.get(key)?.op === op
  }

  #ofEarlierBoot(entry: Entry): AddressEntry | undefined {
    const { id, boot } = this.#registration.host
    const record = readAddress(entry)
    if (record.state !== 'used' || record.host !== id || record.boot === boot) return undefined
    return { state: 'releasing', pool: record.pool, op: record.op, boot: record.boot }
  }
}
