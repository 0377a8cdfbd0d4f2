import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DefaultPool } from '../../ipam-plugin/automatic-pools.ts'
import { ipamMethods } from '../../ipam-plugin/driver.ts'
import type { Host } from '../../shared/host.ts'
import { startIpam } from '../../ipam-plugin/ipam.ts'
import type { Ipam } from '../../ipam-plugin/ipam.ts'
import { LevelJournal } from '../../ipam-plugin/level-journal.ts'
import { LevelNotes } from '../../ipam-plugin/level-notes.ts'
import { ipamRoutes } from '../../ipam-plugin/routes.ts'
import { LevelDatabase } from '../../shared/level-database.ts'
import { LevelStore } from '../../shared/level-store.ts'
import type { Methods } from '../../shared/plugin-server.ts'
import { Refusal } from '../../shared/refusal.ts'

export const MAC = 'com.docker.network.endpoint.macaddress'
export const GATEWAY = { RequestAddressType: 'com.docker.network.gateway' }

export type Row = { readonly address: string; readonly state: string; readonly segment: string }

const HOST: Host = {
  id: 'host-1',
  name: 'testhost',
  boot: 'boot-1',
  machine: { product: '', macs: [] },
}

/** The driver on a LevelDB of its own, without socket or process: all that it does, and quickly. */
export class DriverWorld {
  readonly #folder: string
  readonly #defaults: readonly DefaultPool[]
  #close: () => Promise<void>
  #ipam: Ipam
  #methods: Methods

  private constructor(
    folder: string,
    defaults: readonly DefaultPool[],
    opened: { close: () => Promise<void>; ipam: Ipam },
  ) {
    this.#folder = folder
    this.#defaults = defaults
    this.#close = opened.close
    this.#ipam = opened.ipam
    this.#methods = ipamMethods(async () => this.#ipam)
  }

  static async open(defaults: readonly DefaultPool[] = []): Promise<DriverWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'berth-'))
    return new DriverWorld(folder, defaults, await openIpam(folder, defaults))
  }

  /** As a restart of the plugin within one boot: nothing is kept but what is stored. */
  async reopen(): Promise<void> {
    await this.#close()
    const opened = await openIpam(this.#folder, this.#defaults)
    this.#close = opened.close
    this.#ipam = opened.ipam
  }

  async close(): Promise<void> {
    await this.#close()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** @throws {Refusal} */
  async call(method: string, body: object): Promise<Readonly<Record<string, unknown>>> {
    const found = this.#methods[`IpamDriver.${method}`]
    if (!found) throw new Error(`There is no method ${method}`)
    const call = { caller: new AbortController().signal, note: () => {} }
    return { ...(await found(structuredClone(body), call)) }
  }

  async requestPool(
    subnet: string,
    range = '',
    options: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const answer = await this.call('RequestPool', {
      AddressSpace: 'berth',
      Pool: subnet,
      SubPool: range,
      Options: options,
      V6: subnet.includes(':'),
    })
    return String(answer['PoolID'])
  }

  /** An address for an endpoint, without the prefix length. */
  async endpoint(PoolID: string, Address = ''): Promise<string> {
    return await this.address({ PoolID, Address, Options: { [MAC]: '02:42:00:00:00:01' } })
  }

  async gateway(PoolID: string, Address = ''): Promise<string> {
    return await this.address({ PoolID, Address, Options: GATEWAY })
  }

  async aux(PoolID: string, Address: string): Promise<string> {
    return await this.address({ PoolID, Address, Options: null })
  }

  async address(body: object): Promise<string> {
    const answer = await this.call('RequestAddress', body)
    return String(answer['Address']).split('/')[0] ?? ''
  }

  async release(PoolID: string, Address: string): Promise<void> {
    await this.call('ReleaseAddress', { PoolID, Address })
    await this.#doneBehind(PoolID, 'address')
  }

  async releasePool(PoolID: string): Promise<void> {
    await this.call('ReleasePool', { PoolID })
    await this.#doneBehind(PoolID, 'pool')
  }

  /** What the plugin does every two seconds. */
  async settle(): Promise<void> {
    await this.#ipam.membership.tend()
  }

  /** The addresses in this state, in order. */
  async inState(state: string): Promise<string[]> {
    const rows = await this.view<{ addresses: Row[] }>('/v1/addresses')
    return rows.addresses.filter(row => row.state === state).map(row => row.address)
  }

  /** A busy machine answers before an address is released, or a pool without addresses is left: then it waits for that. */
  async #doneBehind(id: string, what: 'address' | 'pool'): Promise<void> {
    const { pools, journal } = this.#ipam
    const isLeaving = () =>
      pools.all().some(({ pool, entry }) => pool.id === id && entry.state === 'leaving')
    for (;;) {
      const states: string[] = []
      for await (const [, entry] of journal.addresses())
        if (entry.pool === id) states.push(entry.state)
      const isLate =
        what === 'address' ? states.includes('releasing') : states.length === 0 && isLeaving()
      if (!isLate) return
      await sleep(5)
    }
  }

  async view<T extends object>(path: `/${string}`): Promise<T> {
    const route = ipamRoutes(
      async () => this.#ipam,
      async () => {},
    )[`GET ${path}`]
    if (!route) throw new Error(`There is no view ${path}`)
    return (await route({ params: {}, query: {}, body: {} })) as T
  }
}

/** The code of the refusal that `asked` ends with; undefined where it is granted. */
export async function refusal(asked: Promise<unknown>): Promise<string | undefined> {
  try {
    await asked
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

async function openIpam(folder: string, defaultPools: readonly DefaultPool[]) {
  const database = await LevelDatabase.open(join(folder, 'db'))
  const store = new LevelStore(database, 'store/')
  const journal = await LevelJournal.open(database, join(folder, 'journal'), HOST.boot)
  const close = async () => {
    await journal.close()
    await database.close()
  }
  const ipam = await startIpam({
    store,
    isShared: false,
    journal,
    notes: new LevelNotes(database),
    host: HOST,
    defaultPools,
    report: () => {},
    barred: () => undefined,
    beatEveryMs: 30_000,
  })
  return { close, ipam }
}
