import { randomUUID } from 'node:crypto'
import { putFirmly } from '../shared/commit-firmly.ts'
import { entriesBelow } from '../shared/pages.ts'
import { Refusal } from '../shared/refusal.ts'
import { unchanged } from '../shared/store.ts'
import type { Entry, Store } from '../shared/store.ts'
import { ADDRESSES, hostKey, POOLS, seenKey } from './keys.ts'
import { DEFAULT_COOLDOWN_MS } from './options.ts'
import { parsePoolId } from './pool-id.ts'
import type { PoolId } from './pool-id.ts'
import type { PoolTransactions } from './pool-transactions.ts'
import { readAddress, readHost, readPool, readSeen, write } from './records.ts'
import type { HostRecord } from './records.ts'
import { SILENT_AFTER_MS } from './signs-of-life.ts'

const DEADLINE_MS = 1500
const AT_ONCE = 50

export type Evicted = {
  readonly host: string
  readonly name: string
  readonly generation: number
  /** How many of its addresses are free, after their rest. */
  readonly addresses: number
  readonly pools: number
}

/**
 * An operator's word that a host and its containers are dead: its addresses become free, after their rest. In this
 * order, and resumable: its generation is raised, so that no claim it sent commits afterwards; then its addresses go, then
 * its pools. A host that comes back meanwhile is not touched any more.
 */
export class Eviction {
  readonly #store: Store
  readonly #transactions: PoolTransactions

  constructor(store: Store, transactions: PoolTransactions) {
    this.#store = store
    this.#transactions = transactions
  }

  /**
   * @param force although its plugin was seen lately
   * @throws {Refusal} where the host is not known, or seems to be alive
   */
  async evict(host: string, force: boolean): Promise<Evicted> {
    const { name, generation } = await this.#raiseGeneration(host, force)
    const cooldowns = new Map<PoolId, number>()
    const pools = await this.#poolsOf(host, generation, cooldowns)
    const addresses = await this.#releaseAll(host, generation, cooldowns)
    for (const id of pools) {
      await this.#transactions.expel(parsePoolId(id), host, generation)
    }
    return { host, name, generation, addresses, pools: pools.length }
  }

  async #raiseGeneration(host: string, force: boolean): Promise<HostRecord> {
    const key = hostKey(host)
    for (;;) {
      const entry = await this.#store.get(key)
      const record = readHost(entry)
      if (!record) throw new Refusal('unknown-host', `There is no host ${host}; see: berth hosts`)
      if (record.evicted) return record
      if (!force) await this.#refuseAlive(host, record.name)
      const generation = record.generation + 1
      const evicted = { ...record, generation, nonce: randomUUID(), evicted: true }
      const put = { key, value: write(evicted) }
      const deadline = performance.now() + DEADLINE_MS
      if (await putFirmly(this.#store, [unchanged(key, entry)], put, deadline)) return evicted
    }
  }

  async #refuseAlive(host: string, name: string): Promise<void> {
    const seen = readSeen(await this.#store.get(seenKey(host)))
    const ms = seen ? Date.now() - seen.at : Infinity
    if (ms > SILENT_AFTER_MS) return
    throw new Refusal(
      'host-alive',
      `Host ${name} was seen ${Math.max(0, Math.round(ms / 1000))} s ago: its containers may be alive, and would keep addresses that others get. ` +
        'Stop it first and wait a little, or use --force',
    )
  }

  async #poolsOf(
    host: string,
    generation: number,
    cooldowns: Map<PoolId, number>,
  ): Promise<PoolId[]> {
    const ids: PoolId[] = []
    for await (const entry of entriesBelow(this.#store, POOLS)) {
      const { users, cooldown } = readPool(entry)
      const user = users[host]
      if (!user || user.generation >= generation) continue
      for (const id of Object.keys(user.pools) as PoolId[]) {
        ids.push(id)
        cooldowns.set(id, cooldown.ms)
      }
    }
    return ids
  }

  async #releaseAll(
    host: string,
    generation: number,
    cooldowns: ReadonlyMap<PoolId, number>,
  ): Promise<number> {
    let released = 0
    let batch: Release[] = []
    const flush = async () => {
      released += await this.#release(batch)
      batch = []
    }
    for await (const entry of entriesBelow(this.#store, ADDRESSES)) {
      const record = readAddress(entry)
      if (record.state !== 'used' || record.host !== host || record.generation >= generation)
        continue
      const rest = cooldowns.get(record.pool) ?? DEFAULT_COOLDOWN_MS
      batch.push({ entry, value: write({ state: 'idle', until: Date.now() + rest }) })
      if (batch.length === AT_ONCE) await flush()
    }
    await flush()
    return released
  }

  /** All in one transaction; where one of them has changed since it was read, each in its own. */
  async #release(batch: readonly Release[]): Promise<number> {
    if (batch.length === 0) return 0
    const result = await this.#store.commit({
      require: batch.map(({ entry }) => unchanged(entry.key, entry)),
      write: batch.map(({ entry, value }) => ({ put: entry.key, value })),
    })
    if (result.committed) return batch.length
    if (batch.length === 1) return 0
    let released = 0
    for (const one of batch) released += await this.#release([one])
    return released
  }
}

type Release = { readonly entry: Entry; readonly value: string }
