import * as v from '@badrap/valita'
import { AppendFile } from '../shared/append-file.ts'
import type { LevelDatabase } from '../shared/level-database.ts'
import { endOf } from '../shared/store.ts'
import { within } from '../shared/within.ts'
import type { AddressEntry, Journal, PoolEntry } from './journal.ts'
import type { PoolId } from './pool-id.ts'

const ADDRESSES = 'journal/addresses/'
const POOLS = 'journal/pools/'
/** In each batch, so that a sync has something to write. */
const FLUSHED = 'journal/flushed'
const PAGE = 1000
/** When the file is longer, what stands in the database is taken out of it. */
const CLEAR_AT = 64 * 1024
/** Late enough that a quiet host writes little, in portions small enough not to hold up a busy one. */
const FLUSH_AFTER_MS = 500
const FLUSH_AT = 500

const addressEntry: v.Type<AddressEntry> = v.object({
  state: v.union(v.literal('intent'), v.literal('held'), v.literal('releasing'), v.literal('lost')),
  pool: v.string().map(text => text as PoolId),
  op: v.string(),
  boot: v.string(),
})
const poolEntry = v.object({
  state: v.union(
    v.literal('joining'),
    v.literal('joined'),
    v.literal('leaving'),
    v.literal('lost'),
  ),
  count: v.number(),
  cooldownMs: v.number(),
  exclude: v.array(v.string()),
  automatic: v.boolean(),
  gateway: v.object({ address: v.string(), by: v.string() }).optional(),
  aux: v.array(v.string()),
})
const change = v.object({ boot: v.string(), key: v.string(), entry: addressEntry.nullable() })

type AddressChange = v.Infer<typeof change>

/**
 * The journal in LevelDB, with a file in front: an address entry is appended to the file at once, which survives kill -9
 * as it must before the next step, and goes into the database soon after, with others. What the file still has of the
 * running boot is written to the database when it is opened; after a power cut it may be older than the database.
 */
export class LevelJournal implements Journal {
  readonly #database: LevelDatabase
  readonly #file: AppendFile
  readonly #boot: string
  /** What is on its way into the database: an object for each change, so that two alike are told apart. */
  readonly #pending = new Map<string, { readonly entry: AddressEntry | null }>()
  /** Of all entries: most questions are for an address that has none, and need not be asked of the database. */
  readonly #keys: Set<string>
  #isFlushing = false
  #isFull: () => void = () => {}
  #isClosed = false

  private constructor(database: LevelDatabase, file: AppendFile, boot: string, keys: Set<string>) {
    this.#database = database
    this.#file = file
    this.#boot = boot
    this.#keys = keys
  }

  /** @throws {Error} where the file cannot be written */
  static async open(database: LevelDatabase, path: string, boot: string): Promise<LevelJournal> {
    const file = new AppendFile(path)
    try {
      const changes = file
        .records()
        .flatMap(parseChange)
        .filter(one => one.boot === boot)
      const writes = changes.map(({ key, entry }) => levelWrite(ADDRESSES + key, entry))
      if (writes.length > 0) await database.write(writes, { sync: true })
      file.clear()
      const keys = new Set<string>()
      for await (const key of storedKeys(database, '')) keys.add(key)
      return new LevelJournal(database, file, boot, keys)
    } catch (error) {
      file.close()
      throw error
    }
  }

  address(key: string): AddressEntry | undefined {
    const pending = this.#pending.get(key)
    if (pending) return pending.entry ?? undefined
    // Also of an address without an entry: nothing is built on a journal that cannot be written.
    this.#database.requireOpen()
    if (!this.#keys.has(key)) return undefined
    const text = this.#database.get(ADDRESSES + key)
    return text === undefined ? undefined : read(addressEntry, ADDRESSES + key, text)
  }

  async *addresses(prefix = ''): AsyncIterable<readonly [string, AddressEntry]> {
    for (const key of this.#pending.keys()) {
      const entry = key.startsWith(prefix) ? this.address(key) : undefined
      if (entry) yield [key, entry]
    }
    for await (const key of storedKeys(this.#database, prefix)) {
      // Asked again: it may have changed or gone since the page was read.
      const entry = this.address(key)
      if (entry) yield [key, entry]
    }
  }

  writeAddress(key: string, entry: AddressEntry | undefined): void {
    this.#file.append(this.#record(key, entry ?? null))
    this.#pending.set(key, { entry: entry ?? null })
    if (entry) this.#keys.add(key)
    else this.#keys.delete(key)
    if (!this.#isFlushing) void this.#flushSoon()
    if (this.#pending.size >= FLUSH_AT) this.#isFull()
  }

  async sync(): Promise<void> {
    await this.#flush({ sync: true })
  }

  async pools(): Promise<(readonly [PoolId, PoolEntry])[]> {
    const rows = await this.#database.list(POOLS, endOf(POOLS), Number.MAX_SAFE_INTEGER)
    return rows.map(([key, text]) => [
      key.slice(POOLS.length) as PoolId,
      read<PoolEntry>(poolEntry, key, text),
    ])
  }

  async writePool(id: PoolId, entry: PoolEntry | undefined): Promise<void> {
    await this.#database.write([levelWrite(POOLS + id, entry ?? null)], { sync: true })
  }

  /** Before the database. What cannot be written to it any more stays in the file. */
  async close(): Promise<void> {
    await this.#flush({ sync: false }).catch(() => {})
    this.#isClosed = true
    if (this.#pending.size === 0) this.#file.clear()
    this.#file.close()
  }

  async #flushSoon(): Promise<void> {
    this.#isFlushing = true
    while (this.#pending.size > 0 && !this.#isClosed) {
      const { promise: full, resolve } = Promise.withResolvers<void>()
      this.#isFull = resolve
      await within(full, FLUSH_AFTER_MS)
      // Whatever fails stays pending, and in the file.
      await this.#flush({ sync: false }).catch(() => {})
    }
    this.#isFlushing = false
  }

  async #flush(options: { sync: boolean }): Promise<void> {
    const flushed = [...this.#pending]
    const writes = flushed.map(([key, { entry }]) => levelWrite(ADDRESSES + key, entry))
    await this.#database.write([...writes, levelWrite(FLUSHED, {})], options)
    for (const [key, one] of flushed) {
      if (this.#pending.get(key) === one) this.#pending.delete(key)
    }
    if (this.#file.size > CLEAR_AT && !this.#isClosed) this.#shorten()
  }

  /** Under steady load there is always something pending: only that stays. */
  #shorten(): void {
    try {
      this.#file.replace(Array.from(this.#pending, ([key, { entry }]) => this.#record(key, entry)))
    } catch {
      // A full disk: the file that is there is as good, and is shortened another time.
    }
  }

  #record(key: string, entry: AddressEntry | null): string {
    return JSON.stringify({ boot: this.#boot, key, entry })
  }
}

/** Of the addresses in the database whose keys begin with `prefix`, read page by page. */
async function* storedKeys(database: LevelDatabase, prefix: string): AsyncIterable<string> {
  const end = endOf(ADDRESSES + prefix)
  for (let from = ADDRESSES + prefix; ;) {
    const page = await database.list(from, end, PAGE)
    for (const [key] of page) {
      from = `${key}\0`
      yield key.slice(ADDRESSES.length)
    }
    if (page.length < PAGE) return
  }
}

function levelWrite(key: string, entry: object | null) {
  return entry
    ? ({ type: 'put', key, value: JSON.stringify(entry) } as const)
    : ({ type: 'del', key } as const)
}

/** A record that cannot be read was torn by the death of the process that wrote it, and was not acted upon. */
function parseChange(record: string): AddressChange[] {
  try {
    return [change.parse(JSON.parse(record), { mode: 'strip' })]
  } catch {
    return []
  }
}

function read<T>(type: v.Type<T>, key: string, text: string): T {
  try {
    return type.parse(JSON.parse(text), { mode: 'strip' })
  } catch (cause) {
    const why = (cause as Error).message
    throw new Error(`The entry ${key} cannot be read: ${why}; restore the state from a backup`, {
      cause,
    })
  }
}
