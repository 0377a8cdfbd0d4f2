import { entriesBelow } from '../shared/pages.ts'
import type { Store } from '../shared/store.ts'
import { POOLS } from './keys.ts'
import { parsePoolId } from './pool-id.ts'
import type { PoolId } from './pool-id.ts'
import type { PoolTransactions } from './pool-transactions.ts'
import type { Pools } from './pools.ts'
import { readPool } from './records.ts'
import type { Recovery } from './recovery.ts'
import type { Registration } from './registration.ts'
import type { Lost, Returning } from './returning.ts'
import type { Settlement } from './settlement.ts'

type Parts = {
  readonly store: Store
  readonly registration: Registration
  readonly recovery: Recovery
  readonly settlement: Settlement
  readonly returning: Returning
  readonly transactions: PoolTransactions
  readonly pools: Pools
}

/** More than twice as long as it takes a live host to look. */
const GATHER_MS = 12_000

/** This host's own steps in a recovery; see `Recovery`. */
export class Recovering {
  readonly #parts: Parts
  /** The recovery under way, and when this host learned of it. */
  #current: { readonly id: string; readonly since: number } | undefined

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * Goes as far as the other hosts let it.
   *
   * @returns what it waits for; undefined where the recovery is over, for all hosts
   */
  async proceed(id: string, lost: Lost): Promise<string | undefined> {
    const { registration, recovery, returning } = this.#parts
    const reached = () => registration.record.recovery?.phase
    if (reached() === 'fenced') {
      await this.#releaseUnknown()
      await registration.change(record => ({ ...record, recovery: { id, phase: 'cleaned' } }))
    }
    if (reached() === 'cleaned') {
      const waiting = this.#gathering(id) ?? (await this.#waitingFor(id, 'cleaned'))
      if (waiting !== undefined) return waiting
      await returning.run(lost)
      await registration.change(record => ({ ...record, recovery: { id, phase: 'reclaimed' } }))
    }
    const waiting = await this.#waitingFor(id, 'reclaimed')
    if (waiting !== undefined) return waiting
    await recovery.close(id)
    await registration.change(({ recovery: _over, ...record }) => record)
    return undefined
  }

  /**
   * A live host that the state set back to does not know finds out within this time, and takes part: it cannot be awaited
   * by name. Measured from when this host learned of the recovery, by its own clock alone.
   */
  #gathering(id: string): string | undefined {
    if (this.#current?.id !== id) this.#current = { id, since: performance.now() }
    if (performance.now() - this.#current.since >= GATHER_MS) return undefined
    return 'A recovery is under way, and waits a moment for hosts that etcd has forgotten'
  }

  async #waitingFor(id: string, phase: 'cleaned' | 'reclaimed'): Promise<string | undefined> {
    const awaited = await this.#parts.recovery.awaited(id, phase)
    if (awaited.length === 0) return undefined
    const names = awaited.map(({ name }) => name).join(', ')
    return `A recovery is under way, and waits for ${names}: start berth there, or evict a host that cannot come back`
  }

  /** The store was set back: what this host has released and left since is released and left again. */
  async #releaseUnknown(): Promise<void> {
    const { store, registration, settlement, transactions, pools } = this.#parts
    await settlement.releaseUnknown((id: PoolId) => pools.cooldownOf(id))
    const known = new Set<string>(pools.all().map(({ pool }) => pool.id))
    for await (const entry of entriesBelow(store, POOLS)) {
      const mine = Object.keys(readPool(entry).users[registration.host.id]?.pools ?? {})
      for (const id of mine.filter(one => !known.has(one)))
        await transactions.leave(parsePoolId(id))
    }
  }
}
