import * as v from '@badrap/valita'
import type { LevelDatabase } from '../shared/level-database.ts'
import type { AddressEntry, Journal, PoolEntry } from './journal.ts'
import { endOf } from './keys.ts'
import type { PoolId } from './pool-id.ts'

const ADDRESSES = 'journal/addresses/'
const POOLS = 'journal/pools/'
const PAGE = 1000

const addressEntry: v.Type<AddressEntry> = v.object({
  state: v.union(v.literal('intent'), v.literal('held'), v.literal('releasing')),
  pool: v.string().map(text => text as PoolId),
  op: v.string(),
  boot: v.string(),
})

const poolEntry: v.Type<PoolEntry> = v.object({
  state: v.union(v.literal('joining'), v.literal('joined'), v.literal('leaving')),
  count: v.number(),
  cooldownMs: v.number(),
})

/**
 * The journal in LevelDB. On a single host it stands in the store's own database, and both are one log: whatever the
 * store has synced, the intents that were written before it are synced too.
 */
export class LevelJournal implements Journal {
  readonly isOneLogWithStore: boolean
  readonly #database: LevelDatabase

  constructor(database: LevelDatabase, options: { isOneLogWithStore: boolean }) {
    this.#database = database
    this.isOneLogWithStore = options.isOneLogWithStore
  }

  address(key: string): AddressEntry | undefined {
    const text = this.#database.get(ADDRESSES + key)
    return text === undefined ? undefined : read(addressEntry, ADDRESSES + key, text)
  }

  async *addresses(prefix = ''): AsyncIterable<readonly [string, AddressEntry]> {
    const end = endOf(ADDRESSES + prefix)
    for (let from = ADDRESSES + prefix; ;) {
      const page = await this.#database.list(from, end, PAGE)
      for (const [key, text] of page) {
        yield [key.slice(ADDRESSES.length), read(addressEntry, key, text)]
        from = `${key}\0`
      }
      if (page.length < PAGE) return
    }
  }

  async writeAddress(key: string, entry: AddressEntry | undefined, options = { sync: false }) {
    await this.#write(ADDRESSES + key, entry, options)
  }

  async pools(): Promise<(readonly [PoolId, PoolEntry])[]> {
    const rows = await this.#database.list(POOLS, endOf(POOLS), Number.MAX_SAFE_INTEGER)
    return rows.map(([key, text]) => [
      key.slice(POOLS.length) as PoolId,
      read(poolEntry, key, text),
    ])
  }

  async writePool(id: PoolId, entry: PoolEntry | undefined): Promise<void> {
    await this.#write(POOLS + id, entry, { sync: true })
  }

  async #write(key: string, entry: object | undefined, options: { sync: boolean }): Promise<void> {
    await this.#database.write(
      [entry ? { type: 'put', key, value: JSON.stringify(entry) } : { type: 'del', key }],
      options,
    )
  }
}

function read<T>(type: v.Type<T>, key: string, text: string): T {
  try {
    return type.parse(JSON.parse(text), { mode: 'strip' })
  } catch (cause) {
    throw new Error(
      `The entry ${key} cannot be read: ${(cause as Error).message}; restore the state from a backup`,
      { cause },
    )
  }
}
