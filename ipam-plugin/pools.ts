import { Refusal } from '../shared/refusal.ts'
import type { Store } from '../shared/store.ts'
import { formatSubnet, parseSubnet } from './addresses.ts'
import type { Family, Subnet } from './addresses.ts'
import { Candidates } from './candidates.ts'
import type { Journal, PoolEntry } from './journal.ts'
import { addressesOf, poolKey } from './keys.ts'
import { KeyedQueue } from './keyed-queue.ts'
import { DEFAULT_COOLDOWN_MS } from './options.ts'
import { firstGap } from './pool-changes.ts'
import type { JoinRequest } from './pool-changes.ts'
import { makePool, parsePoolId } from './pool-id.ts'
import type { Pool, PoolId } from './pool-id.ts'
import type { PoolTransactions } from './pool-transactions.ts'
import { alreadyThere, unknownPool } from './sentences.ts'

/** Where automatic pools are cut from: subnets of `length` inside `base`. */
export type DefaultPool = { readonly base: Subnet; readonly length: number }

export type PoolOrder = Omit<JoinRequest, 'pool' | 'automatic'> & {
  readonly segment: string
  readonly family: Family
  /** Undefined asks for an automatic one. */
  readonly pool: Pool | undefined
}

/** A pool of this host: its place in the journal, and which address to try next. */
export type HostPool = {
  readonly pool: Pool
  readonly entry: PoolEntry
  readonly cooldownMs: number
  readonly candidates: Candidates
  readonly isJoined: () => boolean
}

/**
 * The pools that this host's engine uses, each counted: two networks may share one, and a failed `network create`
 * releases only the pool. Only the first use and the last touch the shared record, and those that bring options.
 */
export class Pools {
  readonly #store: Store
  readonly #journal: Journal
  readonly #transactions: PoolTransactions
  readonly #defaults: readonly DefaultPool[]
  readonly #isTaken: (key: string) => boolean
  readonly #queue = new KeyedQueue()
  readonly #pools = new Map<PoolId, HostPool>()

  constructor(
    store: Store,
    journal: Journal,
    transactions: PoolTransactions,
    defaults: readonly DefaultPool[],
    isTaken: (key: string) => boolean,
  ) {
    this.#store = store
    this.#journal = journal
    this.#transactions = transactions
    this.#defaults = defaults
    this.#isTaken = isTaken
  }

  async load(): Promise<void> {
    for (const [id, entry] of await this.#journal.pools()) {
      this.#remember(parsePoolId(id), entry)
    }
  }

  /** @throws {Refusal} */
  joined(id: string): HostPool {
    const found = this.#pools.get(id as PoolId)
    if (found?.entry.state !== 'joined') throw unknownPool(id)
    return found
  }

  cooldownOf(id: PoolId): number {
    return this.#pools.get(id)?.cooldownMs ?? DEFAULT_COOLDOWN_MS
  }

  all(): HostPool[] {
    return [...this.#pools.values()]
  }

  /** @throws {Refusal} */
  async request(order: PoolOrder): Promise<Pool> {
    if (order.pool) return await this.#use({ ...order, pool: order.pool, automatic: false })
    for (;;) {
      const subnet = await this.#chooseSubnet(order)
      try {
        const pool = makePool(order.segment, subnet, undefined)
        return await this.#use({ ...order, pool, automatic: true })
      } catch (error) {
        const lost =
          error instanceof Refusal && ['pool-overlaps', 'pool-conflict'].includes(error.code)
        if (!lost) throw error
      }
    }
  }

  /** Ends one use. A pool with addresses still in use here stays until they are gone; nobody is given them. */
  async release(id: string): Promise<'released' | 'kept' | 'unknown'> {
    const found = this.#pools.get(id as PoolId)
    if (!found) return 'unknown'
    return await this.#inOrder(found.pool, async () => {
      const { entry, pool } = this.#pools.get(found.pool.id) ?? found
      if (entry.state === 'joined' && entry.count > 1) {
        await this.#write(pool, { ...entry, count: entry.count - 1 })
        return 'kept'
      }
      await this.#endUse(pool)
      return this.#pools.has(pool.id) ? 'kept' : 'released'
    })
  }

  /** Ends uses that failed half-way, and leaves the pools whose last address went after their last network did. */
  async leaveEmpty(): Promise<void> {
    for (const { pool, entry } of this.all()) {
      if (entry.state === 'joined') continue
      await this.#inOrder(pool, async () => {
        const state = this.#pools.get(pool.id)?.entry.state
        if (state && state !== 'joined') await this.#endUse(pool)
      })
    }
  }

  async #use(request: JoinRequest): Promise<Pool> {
    const { pool, exclude, cooldownMs } = request
    return await this.#inOrder(pool, async () => {
      const found = this.#pools.get(pool.id)
      const count = found?.entry.state === 'joined' ? found.entry.count : 0
      if (count > 0 && request.automatic) throw alreadyThere(pool)
      const nothingNew = exclude.length === 0 && cooldownMs === undefined
      if (count > 0 && found && nothingNew) {
        await this.#write(pool, { ...found.entry, count: count + 1 })
        return pool
      }
      if (found?.entry.state === 'joining') await this.#transactions.fence()
      if (count === 0) {
        await this.#write(pool, {
          state: 'joining',
          count: 0,
          cooldownMs: this.cooldownOf(pool.id),
        })
      }
      const record = await this.#transactions.join(request).catch(async error => {
        if (count === 0 && error instanceof Refusal) await this.#endUse(pool)
        throw error
      })
      this.#forgetCandidates(pool)
      await this.#write(pool, { state: 'joined', count: count + 1, cooldownMs: record.cooldown.ms })
      return pool
    })
  }

  async #endUse(pool: Pool): Promise<void> {
    // A join that was never answered may still commit: not after this.
    if (this.#pools.get(pool.id)?.entry.state === 'joining') await this.#transactions.fence()
    if (this.#pools.get(pool.id)?.entry.state !== 'leaving') {
      await this.#write(pool, { state: 'leaving', count: 0, cooldownMs: this.cooldownOf(pool.id) })
    }
    if (await this.#hasAddresses(pool)) return
    await this.#transactions.leave(pool)
    await this.#journal.writePool(pool.id, undefined)
    this.#pools.delete(pool.id)
  }

  async #hasAddresses({ id, segment }: Pool): Promise<boolean> {
    for await (const [, { pool }] of this.#journal.addresses(addressesOf(segment))) {
      if (pool === id) return true
    }
    return false
  }

  /** A pool that is left stops claims at once, and not when that is written: see `Claims`. */
  async #write(pool: Pool, entry: PoolEntry): Promise<void> {
    if (entry.state !== 'joined') this.#remember(pool, entry)
    await this.#journal.writePool(pool.id, entry)
    this.#remember(pool, entry)
  }

  /** What was read ahead does not know the exclusions that came with a join, of whichever range of the subnet. */
  #forgetCandidates({ segment, subnet }: Pool): void {
    for (const { pool, candidates } of this.all()) {
      if (poolKey(pool.segment, pool.subnet) === poolKey(segment, subnet)) candidates.forget()
    }
  }

  #remember(pool: Pool, entry: PoolEntry): void {
    const candidates =
      this.#pools.get(pool.id)?.candidates ?? new Candidates(this.#store, pool, this.#isTaken)
    const isJoined = () => this.#pools.get(pool.id)?.entry.state === 'joined'
    const { cooldownMs } = entry
    this.#pools.set(pool.id, { pool, entry, cooldownMs, candidates, isJoined })
  }

  async #inOrder<T>(pool: Pool, job: () => Promise<T>): Promise<T> {
    return await this.#queue.run(`${pool.segment}~${formatSubnet(pool.subnet)}`, job)
  }

  async #chooseSubnet({ segment, family }: PoolOrder): Promise<Subnet> {
    const taken = (await this.#transactions.subnets(segment)).map(parseSubnet)
    for (const { base, length } of this.#defaults.filter(
      ({ base: { family: of } }) => of === family,
    )) {
      const subnet = firstGap(base, length, taken)
      if (subnet) return subnet
    }
    const none = !this.#defaults.some(({ base }) => base.family === family)
    throw new Refusal(
      'no-default-pool',
      none
        ? `No IPv${family} subnet was given, and DEFAULT_POOLS names none to choose from; name one with --subnet`
        : `No IPv${family} subnet was given, and all of DEFAULT_POOLS are in use; name one with --subnet`,
    )
  }
}
