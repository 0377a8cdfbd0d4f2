import type { LevelDatabase, LevelWrite } from './level-database.ts'
import { LOCAL_HISTORY } from './store.ts'
import type { CommitResult, Entry, Revision, Store, Transaction } from './store.ts'

const RESERVED_AT_ONCE = 1000
const MOST_RECENT = 64

type Pending = {
  readonly transaction: Transaction
  readonly resolve: (result: CommitResult) => void
  readonly reject: (error: unknown) => void
}

/**
 * The store of a single host. Commits are decided one after the other and synced; those that arrive while the disk is
 * busy share the next sync, and none is answered before it.
 */
export class LevelStore implements Store {
  readonly #database: LevelDatabase
  readonly #prefix: string
  #queue: Pending[] = []
  #committing: Promise<void> | undefined
  /** The last one given; undefined where it must be read. */
  #revision: number | undefined
  /** Revisions up to here may be given without writing the counter. */
  #reserved = 0
  /** What was read last: each claim requires the record of this host anew. Nobody else writes here. */
  readonly #recent = new Map<string, Entry | undefined>()

  constructor(database: LevelDatabase, prefix: string) {
    this.#database = database
    this.#prefix = prefix
  }

  async get(key: string): Promise<Entry | undefined> {
    return this.#read(key)
  }

  async list(from: string, to: string, limit: number): Promise<readonly Entry[]> {
    const rows = await this.#database.list(this.#prefix + from, this.#prefix + to, limit)
    return rows.map(([key, stored]) => decode(key.slice(this.#prefix.length), stored))
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    const { promise, resolve, reject } = Promise.withResolvers<CommitResult>()
    this.#queue.push({ transaction, resolve, reject })
    this.#committing ??= this.#commitQueue()
    return await promise
  }

  async history(): Promise<string> {
    return LOCAL_HISTORY
  }

  /** There is but one. */
  follow(): void {}

  async close(): Promise<void> {
    await this.#committing
  }

  async #commitQueue(): Promise<void> {
    while (this.#queue.length > 0) await this.#commitGroup(this.#queue.splice(0))
    this.#committing = undefined
  }

  async #commitGroup(group: readonly Pending[]): Promise<void> {
    try {
      this.#revision ??= this.#lastRevision()
      const decided = new Decisions(key => this.#read(key), this.#revision)
      const results = group.map(({ transaction }) => decided.decide(transaction))
      if (decided.changed.size > 0) await this.#write(decided)
      this.#revision = decided.revision
      group.forEach(({ resolve }, i) => resolve(results[i] as CommitResult))
    } catch (error) {
      this.#revision = undefined
      this.#reserved = 0
      this.#recent.clear()
      for (const { reject } of group) reject(error)
    }
  }

  async #write({ changed, revision }: Decisions): Promise<void> {
    const writes: LevelWrite[] = []
    for (const [changedKey, entry] of changed) {
      const key = this.#prefix + changedKey
      if (entry) writes.push({ type: 'put', key, value: `${entry.revision} ${entry.value}` })
      else writes.push({ type: 'del', key })
    }
    if (revision > this.#reserved) {
      this.#reserved = revision + RESERVED_AT_ONCE
      writes.push({ type: 'put', key: this.#counterKey, value: String(this.#reserved) })
    }
    await this.#database.write(writes, { sync: true })
    for (const key of changed.keys()) this.#recent.delete(key)
  }

  /**
   * The one counter behind all revisions. It runs ahead of them, in the batch of the commit that needs more, and whoever
   * opens the store goes on behind it: so that none is ever given twice, and most commits are a single write.
   */
  get #counterKey(): string {
    return `revision-of-${this.#prefix}`
  }

  #lastRevision(): number {
    const text = this.#database.get(this.#counterKey) ?? '0'
    if (!/^\d+$/.test(text))
      throw new Error(
        `The record ${this.#counterKey} cannot be read: "${text}"; restore the state from a backup`,
      )
    return Number(text)
  }

  #read(key: string): Entry | undefined {
    if (this.#recent.has(key)) return this.#recent.get(key)
    const stored = this.#database.get(this.#prefix + key)
    const entry = stored === undefined ? undefined : decode(key, stored)
    if (this.#recent.size >= MOST_RECENT) this.#recent.clear()
    this.#recent.set(key, entry)
    return entry
  }
}

/** Decides transactions in order, each seeing what those before it wrote. */
class Decisions {
  readonly changed = new Map<string, Entry | undefined>()
  readonly #stored: (key: string) => Entry | undefined
  revision: number

  constructor(stored: (key: string) => Entry | undefined, lastRevision: number) {
    this.#stored = stored
    this.revision = lastRevision
  }

  decide({ require, write }: Transaction): CommitResult {
    const holds = require.every(condition => {
      const found = this.#read(condition.key)?.revision
      return condition.is === 'absent' ? found === undefined : found === condition.revision
    })
    if (!holds) return { committed: false, current: this.#current(require.map(({ key }) => key)) }
    this.revision += 1
    const revision = String(this.revision) as Revision
    for (const one of write) {
      if ('put' in one) this.changed.set(one.put, { key: one.put, value: one.value, revision })
      else this.changed.set(one.delete, undefined)
    }
    return { committed: true, revision }
  }

  #current(keys: readonly string[]): ReadonlyMap<string, Entry> {
    const entries = keys.map(key => this.#read(key)).filter(entry => entry !== undefined)
    return new Map(entries.map(entry => [entry.key, entry]))
  }

  #read(key: string): Entry | undefined {
    return this.changed.has(key) ? this.changed.get(key) : this.#stored(key)
  }
}

function decode(key: string, stored: string): Entry {
  const space = stored.indexOf(' ')
  return { key, revision: stored.slice(0, space) as Revision, value: stored.slice(space + 1) }
}
