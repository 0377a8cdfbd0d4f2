import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { ipamMethods } from '../../ipam-plugin/driver.ts'
import { startIpam } from '../../ipam-plugin/ipam.ts'
import type { Ipam } from '../../ipam-plugin/ipam.ts'
import { seenKey } from '../../ipam-plugin/keys.ts'
import { LevelJournal } from '../../ipam-plugin/level-journal.ts'
import { LevelNotes } from '../../ipam-plugin/level-notes.ts'
import { readSeen, write } from '../../ipam-plugin/records.ts'
import { ipamRoutes } from '../../ipam-plugin/routes.ts'
import type { AdminRequest, Route } from '../../shared/admin-server.ts'
import { LevelDatabase } from '../../shared/level-database.ts'
import { LevelStore } from '../../shared/level-store.ts'
import { StoreUnavailable } from '../../shared/store.ts'
import type { Store } from '../../shared/store.ts'
import { put } from '../shared/open-store.ts'

const MAC = 'com.docker.network.endpoint.macaddress'
const GATEWAY = { RequestAddressType: 'com.docker.network.gateway' }

type Told = {
  readonly level: string
  readonly message: string
  readonly details: object | undefined
}

/** One host: its plugin without sockets, and its own way to the store that all share. */
export class HostWorld {
  readonly ipam: Ipam
  readonly store: CountedStore
  /** What an operator reads in its log. */
  readonly told: Told[]

  constructor(ipam: Ipam, store: CountedStore, told: Told[]) {
    this.ipam = ipam
    this.store = store
    this.told = told
  }

  async requestPool(subnet: string, options: Readonly<Record<string, string>> = {}) {
    const body = { AddressSpace: 'berth', Pool: subnet, SubPool: '', Options: options, V6: false }
    return String((await this.call('RequestPool', body))['PoolID'])
  }

  async releasePool(PoolID: string): Promise<void> {
    await this.call('ReleasePool', { PoolID })
  }

  async endpoint(PoolID: string, Address = ''): Promise<string> {
    return await this.#address(PoolID, Address, { [MAC]: '02:42:00:00:00:01' })
  }

  async gateway(PoolID: string, Address = ''): Promise<string> {
    return await this.#address(PoolID, Address, GATEWAY)
  }

  async aux(PoolID: string, Address: string): Promise<string> {
    return await this.#address(PoolID, Address, {})
  }

  async release(PoolID: string, Address: string): Promise<void> {
    await this.call('ReleaseAddress', { PoolID, Address })
  }

  /** What the plugin does every two seconds; here, a sign of life each time. */
  async tend(): Promise<void> {
    await this.ipam.membership.tend()
  }

  /** What the operator is answered. */
  async ask<T extends object>(route: string, asked: Partial<AdminRequest> = {}): Promise<T> {
    const routes: Readonly<Record<string, Route>> = ipamRoutes(
      async () => this.ipam,
      async () => {},
    )
    const found = routes[route]
    if (!found) throw new Error(`There is no route ${route}`)
    return (await found({ params: {}, query: {}, body: {}, ...asked })) as T
  }

  async call(method: string, body: object): Promise<Readonly<Record<string, unknown>>> {
    const found = ipamMethods(async () => this.ipam)[`IpamDriver.${method}`]
    if (!found) throw new Error(`There is no method ${method}`)
    const call = { caller: new AbortController().signal, note: () => {} }
    return { ...(await found(structuredClone(body), call)) }
  }

  async #address(PoolID: string, Address: string, Options: object): Promise<string> {
    const answer = await this.call('RequestAddress', { PoolID, Address, Options })
    return String(answer['Address']).split('/')[0] ?? ''
  }
}

/** Several hosts on one store, which is on this disk, and to them looks like one elsewhere. */
export class HostsWorld {
  readonly store: Store
  readonly #folder: string
  readonly #database: LevelDatabase
  readonly #running = new Map<string, () => Promise<void>>()

  private constructor(folder: string, database: LevelDatabase) {
    this.#folder = folder
    this.#database = database
    this.store = new LevelStore(database, '')
    this.store.history = async () => 'cluster-1'
  }

  static async open(t: Test): Promise<HostsWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'berth-'))
    const world = new HostsWorld(folder, await LevelDatabase.open(join(folder, 'store')))
    t.teardown(async () => {
      for (const id of world.#running.keys()) await world.stop(id)
      await world.#database.close()
      await rm(folder, { recursive: true, force: true })
    })
    return world
  }

  /** Starts a host, which registers where it reaches the store. */
  async host(
    id: string,
    { name = `name-of-${id}`, isAway = false, boot = 'boot-1' } = {},
  ): Promise<HostWorld> {
    const folder = join(this.#folder, id)
    const database = await LevelDatabase.open(folder)
    const journal = await LevelJournal.open(database, join(folder, 'berth-journal'), boot)
    this.#running.set(id, async () => {
      await journal.close()
      await database.close()
    })
    const store = new CountedStore(this.store)
    store.isAway = isAway
    const told: Told[] = []
    const ipam = await startIpam({
      store,
      isShared: true,
      journal,
      notes: new LevelNotes(database),
      host: { id, name, boot, machine: { product: '', macs: [] } },
      defaultPools: [],
      report: (level, message, details) => told.push({ level, message, details }),
      barred: () => undefined,
      beatEveryMs: 0,
    })
    return new HostWorld(ipam, store, told)
  }

  /** Its plugin ends; what it keeps on its disk stays. */
  async stop(id: string): Promise<void> {
    await this.#running.get(id)?.()
    this.#running.delete(id)
  }

  /** As if its last sign of life had been given so long ago. */
  async lastSeen(id: string, agoMs: number): Promise<void> {
    const key = seenKey(id)
    const seen = readSeen(await this.store.get(key))
    if (!seen) throw new Error(`Host ${id} gave no sign of life`)
    await put(this.store, key, write({ ...seen, at: Date.now() - agoMs }))
  }
}

/** As if so much time had passed on all hosts' clocks; until the end of the test. */
export function passTime(t: Test, ms: number): void {
  const now = performance.now.bind(performance)
  Object.defineProperty(performance, 'now', { value: () => now() + ms, configurable: true })
  t.teardown(() => Reflect.deleteProperty(performance, 'now'))
}

/** A host's way to the store: its calls are counted, and it can be cut. */
export class CountedStore implements Store {
  readonly #store: Store
  calls: string[] = []
  isAway = false

  constructor(store: Store) {
    this.#store = store
  }

  async get(key: string) {
    this.#pass(`get ${key}`)
    return await this.#store.get(key)
  }

  async list(from: string, to: string, limit: number) {
    this.#pass(`list ${from}`)
    return await this.#store.list(from, to, limit)
  }

  async commit(transaction: Parameters<Store['commit']>[0]) {
    this.#pass(`commit ${JSON.stringify(transaction.write)}`)
    return await this.#store.commit(transaction)
  }

  async history(): Promise<string> {
    this.#pass('history')
    return await this.#store.history()
  }

  follow(history: string): void {
    this.#store.follow(history)
  }

  async close(): Promise<void> {}

  #pass(call: string): void {
    this.calls.push(call)
    if (this.isAway) throw new StoreUnavailable('the store is away')
  }
}
