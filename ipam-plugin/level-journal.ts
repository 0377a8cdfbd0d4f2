import type { LevelDatabase } from '../shared/level-database.ts'
import type { AddressEntry, Journal, PoolEntry } from './journal.ts'
import { endOf } from './keys.ts'
import type { PoolId } from './pool-id.ts'

const ADDRESSES = 'journal/addresses/'
const POOLS = 'journal/pools/'
const PAGE = 1000

/** The journal in LevelDB; on a single host beside the store, in the same database. */
export class LevelJournal implements Journal {
  readonly #database: LevelDatabase

  constructor(database: LevelDatabase) {
    this.#database = database
  }

  address(key: string): AddressEntry | undefined {
    const text = this.#database.get(ADDRESSES + key)
    return text === undefined ? undefined : (JSON.parse(text) as AddressEntry)
  }

  async *addresses(): AsyncIterable<readonly [string, AddressEntry]> {
    for (let from = ADDRESSES; ;) {
      const page = await this.#database.list(from, endOf(ADDRESSES), PAGE)
      for (const [key, text] of page) {
        yield [key.slice(ADDRESSES.length), JSON.parse(text) as AddressEntry]
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
      JSON.parse(text) as PoolEntry,
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
