import { Refusal } from '../shared/refusal.ts'
import type { RefusalCode } from '../shared/refusal.ts'
import { isOutage } from '../shared/store.ts'
import { within } from '../shared/within.ts'
import { formatAddress, parseAddress, parseSubnet } from './addresses.ts'
import type { Address, Family } from './addresses.ts'
import { chooseSubnet } from './automatic-pools.ts'
import type { DefaultPool } from './automatic-pools.ts'
import type { PoolEntry } from './journal.ts'
import { DEFAULT_COOLDOWN_MS } from './options.ts'
import { bringsNothingNew, gatewayFor } from './pool-changes.ts'
import type { JoinRequest } from './pool-changes.ts'
import { makePool } from './pool-id.ts'
import type { Pool, PoolId } from './pool-id.ts'
import type { PoolTransactions } from './pool-transactions.ts'
import { alreadyThere, lostPool, unknownPool } from './sentences.ts'
import type { HostPool, PoolBook } from './pool-book.ts'
import type { SharedAddresses } from './shared-addresses.ts'

export type PoolOrder = Omit<JoinRequest, 'pool' | 'automatic'> & {
  readonly segment: string
  readonly family: Family
  /** Undefined asks for an automatic one. */
  readonly pool: Pool | undefined
}

type Parts = {
  readonly book: PoolBook
  readonly transactions: PoolTransactions
  readonly shared: SharedAddresses
  readonly defaults: readonly DefaultPool[]
  /** Whether all that earlier boots left is known: a pool is not left before. */
  readonly mayLeave: () => boolean
}

/** The engine is answered after this time; what is left to do is in the journal. */
const ANSWER_AFTER_MS = 250

const TAKEN_MEANWHILE: readonly RefusalCode[] = ['pool-overlaps', 'pool-conflict']
const MAY_WORK_LATER: readonly RefusalCode[] = ['not-ready', 'deadline']

/**
 * The pools that this host's engine uses, each counted: two networks may share one, and a failed `network create`
 * releases only the pool. Only the first use and the last touch the shared record, and those that bring something new;
 * all else is answered from the journal, with or without the store.
 */
export class Pools {
  readonly #parts: Parts
  readonly #book: PoolBook

  constructor(parts: Parts) {
    this.#parts = parts
    this.#book = parts.book
  }

  async load(): Promise<void> {
    await this.#book.load()
  }

  /** @throws {Refusal} */
  joined(id: string): HostPool {
    const found = this.#book.get(id)
    if (found?.entry.state === 'lost') throw lostPool(found.pool)
    if (found?.entry.state !== 'joined') throw unknownPool(id)
    return found
  }

  cooldownOf(id: PoolId): number {
    return this.#book.get(id)?.cooldownMs ?? DEFAULT_COOLDOWN_MS
  }

  all(): HostPool[] {
    return this.#book.all()
  }

  /**
   * @param serving resolves when pools may be joined that this host does not have yet
   * @throws {Refusal}
   */
  async request(order: PoolOrder, serving: () => Promise<void>): Promise<Pool> {
    if (order.pool) {
      const request = { ...order, pool: order.pool, automatic: false }
      // Not in the pool's turn: who brings this host back into its pools waits for that.
      if (!this.#isKnown(request)) await serving()
      return await this.#use(request)
    }
    await serving()
    const { transactions, defaults } = this.#parts
    for (;;) {
      const taken = (await transactions.subnets(order.segment)).map(parseSubnet)
      const pool = makePool(order.segment, chooseSubnet(defaults, taken, order.family), undefined)
      try {
        return await this.#use({ ...order, pool, automatic: true })
      } catch (error) {
        if (!(error instanceof Refusal) || !TAKEN_MEANWHILE.includes(error.code)) throw error
      }
    }
  }

  /**
   * Ends one use. A pool with addresses still in use here stays until they are gone, and one whose store is away until it
   * is back; nobody is given its addresses.
   */
  async release(id: string): Promise<'released' | 'kept' | 'unknown'> {
    const found = this.#book.get(id)
    if (!found) return 'unknown'
    const { pool } = found
    await this.#book.inOrder(pool, async () => {
      const entry = this.#book.get(pool.id)?.entry
      if (!entry) return
      const count = entry.count - 1
      if (count > 0) await this.#book.write(pool, { ...entry, count })
      else await this.#stop(pool)
    })
    if (this.#book.get(pool.id)?.entry.state === 'leaving') await this.#endUseSoon(pool)
    return this.#book.get(pool.id) ? 'kept' : 'released'
  }

  /** Ends uses that failed half-way, and leaves the pools whose last address went after their last network did. */
  async leaveEmpty(): Promise<void> {
    const ended = await Promise.allSettled(this.all().map(({ pool }) => this.#endUse(pool)))
    const failed = ended.find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
  }

  /**
   * The gateway of the pool's subnet; undefined asks for whichever it has, else for the first address that is free.
   *
   * @throws {Refusal} where the subnet has another one, or an endpoint has the address
   */
  async gateway({ pool }: HostPool, wanted: Address | undefined): Promise<Address> {
    return await this.#book.inOrder(pool, async () => {
      const { entry } = this.joined(pool.id)
      const known = entry.gateway && gatewayFor(entry.gateway, wanted, pool)
      if (known) return known
      const gateway = await this.#parts.shared.gateway(pool, wanted)
      await this.#book.write(pool, { ...entry, gateway })
      return parseAddress(gateway.address)
    })
  }

  /** @throws {Refusal} where an endpoint has the address, or the pool has too many */
  async aux({ pool }: HostPool, address: Address): Promise<Address> {
    return await this.#book.inOrder(pool, async () => {
      const { entry } = this.joined(pool.id)
      const text = formatAddress(address)
      if (entry.aux.includes(text)) return address
      await this.#parts.shared.aux(pool, address)
      await this.#book.write(pool, { ...entry, aux: [...entry.aux, text] })
      return address
    })
  }

  /**
   * Joins a pool of the journal anew: after an eviction, or in another store. Where it cannot be had any more, its uses
   * stay counted.
   *
   * @returns why it is lost
   */
  async rejoin({ pool }: HostPool): Promise<Refusal | undefined> {
    return await this.#book.inOrder(pool, async () => {
      const entry = this.#book.get(pool.id)?.entry
      if (entry?.state !== 'joined' && entry?.state !== 'lost') return undefined
      try {
        const { shared, transactions } = this.#parts
        const { exclude, automatic, gateway, aux, cooldownMs: cooldownIfNew } = entry
        const join = { pool, exclude, automatic, cooldownIfNew, cooldownMs: undefined }
        const { cooldown } = await transactions.join(join)
        if (gateway) await shared.gateway(pool, parseAddress(gateway.address))
        for (const text of aux) await shared.aux(pool, parseAddress(text))
        this.#book.forgetCandidates(pool)
        await this.#book.write(pool, { ...entry, state: 'joined', cooldownMs: cooldown.ms })
        return undefined
      } catch (error) {
        if (!(error instanceof Refusal) || MAY_WORK_LATER.includes(error.code)) throw error
        await this.#book.write(pool, { ...entry, state: 'lost' })
        return error
      }
    })
  }

  /** Whether the journal alone can answer. */
  #isKnown(request: JoinRequest): boolean {
    const entry = this.#book.get(request.pool.id)?.entry
    return entry?.state === 'joined' && bringsNothingNew(request, entry)
  }

  async #use(request: JoinRequest): Promise<Pool> {
    const { pool } = request
    return await this.#book.inOrder(pool, async () => {
      const found = this.#book.get(pool.id)?.entry
      const isUsed = found?.state === 'joined' || found?.state === 'lost'
      const count = isUsed ? found.count : 0
      if (count > 0 && request.automatic) throw alreadyThere(pool)
      if (found && this.#isKnown(request)) {
        await this.#book.write(pool, { ...found, count: count + 1 })
        return pool
      }
      const before = isUsed ? found : await this.#begin(request, found)
      const record = await this.#parts.transactions.join(request).catch(async error => {
        // Where that fails too, the use is ended later.
        if (count === 0 && error instanceof Refusal) await this.#stop(pool).catch(() => {})
        throw error
      })
      this.#book.forgetCandidates(pool)
      const exclude = [...new Set([...before.exclude, ...request.exclude])]
      const joined = { state: 'joined', count: count + 1, cooldownMs: record.cooldown.ms } as const
      await this.#book.write(pool, { ...before, ...joined, exclude })
      return pool
    })
  }

  async #begin(request: JoinRequest, found: PoolEntry | undefined): Promise<PoolEntry> {
    if (found?.state === 'joining') await this.#parts.transactions.fence()
    const { pool, automatic } = request
    const cooldownMs = this.cooldownOf(pool.id)
    const entry = { count: 0, cooldownMs, exclude: [], automatic, aux: [] }
    await this.#book.write(pool, { ...entry, state: 'joining' })
    return { ...entry, state: 'joining' }
  }

  /** From here on nobody claims from the pool. A join that was never answered may still commit: not after the fence. */
  async #stop(pool: Pool): Promise<void> {
    const entry = this.#book.get(pool.id)?.entry
    if (!entry || entry.state === 'leaving') return
    if (entry.state === 'joining') await this.#parts.transactions.fence()
    await this.#book.write(pool, { ...entry, state: 'leaving', count: 0 })
  }

  /** As `endUse`, for at most a moment: the rest goes on behind the answer, and is tried again where it fails. */
  async #endUseSoon(pool: Pool): Promise<void> {
    try {
      await within(this.#endUse(pool), ANSWER_AFTER_MS)
    } catch (error) {
      if (!isOutage(error) && !(error instanceof Refusal)) throw error
    }
  }

  async #endUse(pool: Pool): Promise<void> {
    await this.#book.inOrder(pool, async () => {
      const state = this.#book.get(pool.id)?.entry.state
      if (state !== 'joining' && state !== 'leaving') return
      await this.#stop(pool)
      if (!this.#parts.mayLeave() || (await this.#book.hasAddresses(pool))) return
      await this.#parts.transactions.leave(pool)
      await this.#book.remove(pool)
    })
  }
}
