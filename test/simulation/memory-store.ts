import { OutcomeUnknown, StoreUnavailable } from '../../shared/store.ts'
import type { CommitResult, Entry, Revision, Store, Transaction } from '../../shared/store.ts'
import type { Random } from '../history/random.ts'
import type { Life, VirtualTime } from './virtual-time.ts'

export type Snapshot = {
  readonly at: number
  readonly revision: number
  readonly rows: ReadonlyMap<string, Entry>
}

/** Told of each change of a key, as it happens. */
export type Watcher = (key: string, before: Entry | undefined, after: Entry | undefined) => void

/** What all hosts share, as etcd keeps it: one revision for all, which repeats after the store was set back. */
export class MemoryStore {
  #rows = new Map<string, Entry>()
  #revision = 0
  /** What is under way to the store does not survive its being set back. */
  #life = 0
  history = 'history-0'
  isDown = false
  /** How long each way takes, at least. */
  legMs = 0
  watch: Watcher = () => {}

  get life(): number {
    return this.#life
  }

  get(key: string): Entry | undefined {
    return this.#rows.get(key)
  }

  list(from: string, to: string, limit: number): Entry[] {
    return [...this.#rows.values()]
      .filter(({ key }) => key >= from && key < to)
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
      .slice(0, limit)
  }

  commit({ require, write }: Transaction): CommitResult {
    const holds = require.every(condition => {
      const found = this.#rows.get(condition.key)?.revision
      return condition.is === 'absent' ? found === undefined : found === condition.revision
    })
    if (!holds) {
      const current = require.flatMap(({ key }) => this.#rows.get(key) ?? [])
      return { committed: false, current: new Map(current.map(entry => [entry.key, entry])) }
    }
    this.#revision += 1
    const revision = String(this.#revision) as Revision
    for (const one of write) {
      if ('put' in one) this.#set(one.put, { key: one.put, value: one.value, revision })
      else this.#set(one.delete, undefined)
    }
    return { committed: true, revision }
  }

  snapshot(at: number): Snapshot {
    return { at, revision: this.#revision, rows: new Map(this.#rows) }
  }

  /** As an etcd restored from a backup, or a machine from a snapshot. */
  setBack({ rows, revision }: Snapshot, history: string): void {
    this.#rows = new Map(rows)
    this.#revision = revision
    this.#life += 1
    this.history = history
  }

  #set(key: string, after: Entry | undefined): void {
    const before = this.#rows.get(key)
    if (after) this.#rows.set(key, after)
    else this.#rows.delete(key)
    this.watch(key, before, after)
  }
}

/** How often what goes wrong on the way to the store, from 0 to 1. */
export type Faults = {
  /** Committed, and the answer lost. */
  readonly lost: number
  /** Of unknown outcome, and committed later, behind others. */
  readonly late: number
  /** Of unknown outcome, and never committed. */
  readonly never: number
  readonly refused: number
  readonly slow: number
}

export const NO_FAULTS: Faults = { lost: 0, late: 0, never: 0, refused: 0, slow: 0 }

export type Fate = 'done' | 'lost' | 'late' | 'never' | 'refused'

/** One process's way to the store. */
export class Client implements Store {
  readonly #store: MemoryStore
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #life: Life
  #history: string | undefined
  faults: Faults
  isCut = false
  /** What is to become of a transaction, where a test decides that; undefined leaves it to the faults. */
  decide: (transaction: Transaction) => Fate | Promise<Fate> | undefined = () => undefined

  constructor(store: MemoryStore, time: VirtualTime, random: Random, life: Life, faults: Faults) {
    this.#store = store
    this.#time = time
    this.#random = random
    this.#life = life
    this.faults = faults
  }

  async get(key: string): Promise<Entry | undefined> {
    return await this.#ask(() => this.#store.get(key))
  }

  async list(from: string, to: string, limit: number): Promise<readonly Entry[]> {
    return await this.#ask(() => this.#store.list(from, to, limit))
  }

  async history(): Promise<string> {
    return await this.#ask(() => this.#store.history, false)
  }

  follow(history: string): void {
    this.#history = history
  }

  async close(): Promise<void> {}

  async commit(transaction: Transaction): Promise<CommitResult> {
    const { promise, resolve, reject } = Promise.withResolvers<CommitResult>()
    const chosen = this.decide(transaction) ?? this.#fate()
    const fate = await chosen
    const { life } = this.#store
    const unknown = () => this.#later(this.#random.between(5, 900), () => reject(UNKNOWN()))
    this.#time.after(this.#leg(), () => {
      if (fate === 'refused' || this.#isAway || life !== this.#store.life) {
        if (fate !== 'refused' && this.#random.chance(0.5)) return unknown()
        return this.#later(this.#leg(), () => reject(new StoreUnavailable('simulated: away')))
      }
      if (fate === 'never') return unknown()
      if (fate === 'late') {
        this.#time.after(this.#delay(), () => {
          if (life === this.#store.life) this.#store.commit(transaction)
        })
        return unknown()
      }
      const { history } = this.#store
      const result = this.#store.commit(transaction)
      const isForeign = this.#history !== undefined && this.#history !== history
      if (fate === 'lost' || isForeign) return unknown()
      this.#later(this.#leg(), () => resolve(result))
    })
    return await promise
  }

  async #ask<T>(read: () => T, expectsHistory = true): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const isRefused = this.#random.chance(this.faults.refused)
    this.#time.after(this.#leg(), () => {
      const isForeign =
        expectsHistory && this.#history !== undefined && this.#history !== this.#store.history
      if (isRefused || isForeign || this.#isAway) {
        return this.#later(this.#leg(), () => reject(new StoreUnavailable('simulated: away')))
      }
      const answer = read()
      this.#later(this.#leg(), () => resolve(answer))
    })
    return await promise
  }

  get #isAway(): boolean {
    return this.isCut || this.#store.isDown
  }

  #later(ms: number, job: () => void): void {
    this.#time.after(ms, () => this.#life.run(job))
  }

  #leg(): number {
    const { legMs } = this.#store
    if (this.#random.chance(this.faults.slow)) return legMs + this.#random.between(20, 450)
    return legMs + this.#random.between(0, 20) / 10
  }

  #delay(): number {
    return this.#random.pick([5, 50, 300, 2000, 10_000]) * this.#random.next()
  }

  #fate(): Fate {
    const { lost, late, never, refused } = this.faults
    let drawn = this.#random.next()
    for (const [fate, share] of [
      ['lost', lost],
      ['late', late],
      ['never', never],
      ['refused', refused],
    ] as const) {
      if (drawn < share) return fate
      drawn -= share
    }
    return 'done'
  }
}

const UNKNOWN = () => new OutcomeUnknown('simulated: no answer')
