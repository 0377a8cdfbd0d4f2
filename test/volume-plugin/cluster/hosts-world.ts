import { setTimeout as sleep } from 'node:timers/promises'
import { OutcomeUnknown, StoreUnavailable } from '../../../shared/store.ts'
import type { CommitResult, Entry, Store, Transaction } from '../../../shared/store.ts'
import { Catalogue } from '../../../volume-plugin/cluster/catalogue.ts'
import type { HostNotes } from '../../../volume-plugin/cluster/cluster-book.ts'
import { Registration } from '../../../volume-plugin/cluster/registration.ts'
import type {
  ParkedRecord,
  RemovalId,
  User,
  VolumeId,
  VolumeRecord,
} from '../../../volume-plugin/cluster/volume-record.ts'
import type { VolumeName } from '../../../volume-plugin/volume-name.ts'
import { MemoryStore } from '../../simulation/memory-store.ts'

/**
 * What becomes of a transaction.
 * - `lost`: committed, and the answer lost.
 * - `late`: of unknown outcome, and committed when the test says so.
 * - `never`: of unknown outcome, and never committed.
 * - `refused`: the store is away.
 */
export type Fate = 'done' | 'lost' | 'late' | 'never' | 'refused'

/** One process's way to a store that all share. */
export class Way implements Store {
  readonly #shared: MemoryStore
  #history: string | undefined
  /** Of the next transactions, one after the other; those behind them are done. */
  fates: Fate[] = []
  /** Instead of `fates`. */
  fate: (transaction: Transaction) => Fate = () => this.fates.shift() ?? 'done'
  /** How long each way takes, at most. */
  legMs = 0
  isAway = false
  readonly sent: Transaction[] = []
  #late: Transaction[] = []

  constructor(shared: MemoryStore) {
    this.#shared = shared
  }

  async get(key: string): Promise<Entry | undefined> {
    return await this.#ask(() => this.#shared.get(key))
  }

  async list(from: string, to: string, limit: number): Promise<readonly Entry[]> {
    return await this.#ask(() => this.#shared.list(from, to, limit))
  }

  async history(): Promise<string> {
    await this.#leg()
    return this.#shared.history
  }

  follow(history: string): void {
    this.#history = history
  }

  async close(): Promise<void> {}

  async commit(transaction: Transaction): Promise<CommitResult> {
    this.sent.push(transaction)
    const fate = this.fate(transaction)
    await this.#leg()
    if (fate === 'refused') throw new StoreUnavailable('simulated: away')
    if (fate === 'late') this.#late.push(transaction)
    if (fate === 'late' || fate === 'never') throw new OutcomeUnknown('simulated: no answer')
    const result = this.#shared.commit(transaction)
    await sleep(Math.random() * this.legMs)
    const isLost = fate === 'lost' || this.#isForeign || this.isAway
    if (isLost) throw new OutcomeUnknown('simulated: no answer')
    return result
  }

  /** What was late arrives. @returns how many of them committed */
  arrive(): number {
    const results = this.#late.map(transaction => this.#shared.commit(transaction))
    this.#late = []
    return results.filter(({ committed }) => committed).length
  }

  get #isForeign(): boolean {
    return this.#history !== undefined && this.#history !== this.#shared.history
  }

  async #ask<T>(read: () => T): Promise<T> {
    await this.#leg()
    if (this.#isForeign) throw new StoreUnavailable('simulated: another cluster')
    return read()
  }

  async #leg(): Promise<void> {
    await sleep(Math.random() * this.legMs)
    if (this.isAway) throw new StoreUnavailable('simulated: away')
  }
}

/** What stays of a host when its process ends. */
export class NoteBook {
  notes: HostNotes | undefined

  constructor(notes?: HostNotes) {
    this.notes = notes
  }

  async putNotes(notes: HostNotes): Promise<void> {
    this.notes = structuredClone(notes)
  }
}

export type TestHost = {
  readonly way: Way
  readonly book: NoteBook
  readonly registration: Registration
  readonly catalogue: Catalogue
}

/** A process of the host, not registered yet. */
export async function openHost(
  shared: MemoryStore,
  id: string,
  book = new NoteBook(),
): Promise<TestHost> {
  const way = new Way(shared)
  const host = { id, name: `rack ${id}`, boot: 'boot', machine: { product: '', macs: [] } }
  const registration = await Registration.open(way, book, host, book.notes)
  return { way, book, registration, catalogue: new Catalogue(way, registration) }
}

export async function registeredHost(
  shared: MemoryStore,
  id: string,
  book?: NoteBook,
): Promise<TestHost> {
  const host = await openHost(shared, id, book)
  await host.registration.register()
  return host
}

/** Two hosts that share a store. */
export async function hosts(): Promise<{
  readonly shared: MemoryStore
  readonly a: TestHost
  readonly b: TestHost
}> {
  const shared = new MemoryStore()
  return { shared, a: await registeredHost(shared, 'a'), b: await registeredHost(shared, 'b') }
}

export const someUser = (host: string, op = `op of ${host}`): User => ({
  name: `rack ${host}`,
  op,
  generation: 1,
  boot: 'boot',
  since: '2026-11-21T15:00:00.000Z',
})

let count = 0

export const parkedOf = (volume: VolumeRecord): ParkedRecord => ({
  volume,
  removal: 'f'.repeat(32) as RemovalId,
  state: 'parked',
  since: '2026-11-21T15:00:00.000Z',
  by: 'rack a',
  keepMs: 1000,
})

export function someVolume(name: string, changed: Partial<VolumeRecord> = {}): VolumeRecord {
  count += 1
  return {
    id: count.toString(16).padStart(32, '0') as VolumeId,
    name: name as VolumeName,
    options: {
      access: 'shared',
      path: undefined,
      app: undefined,
      uid: undefined,
      gid: undefined,
      mode: undefined,
      retainMs: undefined,
    },
    created: '2026-11-21T15:00:00.000Z',
    createdBy: 'rack a',
    state: 'ready',
    removal: undefined,
    restored: 0,
    users: {},
    broken: undefined,
    ...changed,
  }
}
