import type { Store } from '../shared/store.ts'
import { formatSubnet } from './addresses.ts'
import { Candidates } from './candidates.ts'
import type { Journal, PoolEntry } from './journal.ts'
import { addressesOf, poolKey } from './keys.ts'
import { KeyedQueue } from '../shared/keyed-queue.ts'
import { parsePoolId } from './pool-id.ts'
import type { Pool, PoolId } from './pool-id.ts'

/** A pool of this host: its place in the journal, and which address to try next. */
export type HostPool = {
  readonly pool: Pool
  readonly entry: PoolEntry
  readonly cooldownMs: number
  readonly candidates: Candidates
  readonly isJoined: () => boolean
}

/** The pools that this host has, as its journal says; what is changed here is in the journal first. */
export class PoolBook {
  readonly #store: Store
  readonly #journal: Journal
  readonly #origin: string | undefined
  readonly #isTaken: (key: string) => boolean
  readonly #queue = new KeyedQueue()
  readonly #pools = new Map<PoolId, HostPool>()

  /**
   * @param origin where this host begins to look for free addresses; undefined: at the start of the range
   * @param isTaken by its key: an address that must not be tried, whatever the store says
   */
  constructor(
    store: Store,
    journal: Journal,
    origin: string | undefined,
    isTaken: (key: string) => boolean,
  ) {
    this.#store = store
    this.#journal = journal
    this.#origin = origin
    this.#isTaken = isTaken
  }

  async load(): Promise<void> {
    for (const [id, entry] of await this.#journal.pools()) this.#remember(parsePoolId(id), entry)
  }

  get(id: string): HostPool | undefined {
    return this.#pools.get(id as PoolId)
  }

  all(): HostPool[] {
    return [...this.#pools.values()]
  }

  /** Runs jobs for one subnet one after the other. */
  async inOrder<T>({ segment, subnet }: Pool, job: () => Promise<T>): Promise<T> {
    return await this.#queue.run(`${segment}~${formatSubnet(subnet)}`, job)
  }

  /** A pool that is left stops claims at once, and not when that is written: see `Claims`. */
  async write(pool: Pool, entry: PoolEntry): Promise<void> {
    if (entry.state !== 'joined') this.#remember(pool, entry)
    await this.#journal.writePool(pool.id, entry)
    this.#remember(pool, entry)
  }

  async remove({ id }: Pool): Promise<void> {
    await this.#journal.writePool(id, undefined)
    this.#pools.delete(id)
  }

  /** Whether the journal has an entry for any address of the pool. */
  async hasAddresses({ id, segment }: Pool): Promise<boolean> {
    for await (const [, { pool }] of this.#journal.addresses(addressesOf(segment))) {
      if (pool === id) return true
    }
    return false
  }

  /** What was read ahead does not know the exclusions that came with a join, of whichever range of the subnet. */
  forgetCandidates({ segment, subnet }: Pool): void {
    for (const { pool, candidates } of this.all()) {
      if (poolKey(pool.segment, pool.subnet) === poolKey(segment, subnet)) candidates.forget()
    }
  }

  #remember(pool: Pool, entry: PoolEntry): void {
    const candidates =
      this.#pools.get(pool.id)?.candidates ??
      new Candidates(this.#store, pool, this.#isTaken, this.#origin)
    const isJoined = () => this.#pools.get(pool.id)?.entry.state === 'joined'
    const { cooldownMs } = entry
    this.#pools.set(pool.id, { pool, entry, cooldownMs, candidates, isJoined })
  }
}
