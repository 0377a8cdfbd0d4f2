import { Refusal } from '../../../../shared/refusal.ts'
import type { Random } from '../../../history/random.ts'
import { Client, NO_FAULTS } from '../../../simulation/memory-store.ts'
import type { Faults, MemoryStore } from '../../../simulation/memory-store.ts'
import { Life } from '../../../simulation/virtual-time.ts'
import type { VirtualTime } from '../../../simulation/virtual-time.ts'
import { startCluster } from '../../../../volume-plugin/cluster/cluster.ts'
import type { Cluster } from '../../../../volume-plugin/cluster/cluster.ts'
import { clusterRoutes } from '../../../../volume-plugin/cluster/routes.ts'
import { volumeMethods } from '../../../../volume-plugin/driver.ts'
import type { FolderTree } from './folder-tree.ts'
import { MemoryBook } from './memory-book.ts'
import { MemoryBinds, MemoryFiles } from './memory-files.ts'
import type { Way } from './memory-files.ts'

const TEND_EVERY_MS = 5000
export const MOUNT_ROOT = '/mounts'

/** What became of a call; `lost`: the plugin died, or dropped the connection, and nobody knows. */
export type Outcome =
  | { readonly is: 'answered'; readonly body: Readonly<Record<string, unknown>> }
  | { readonly is: 'refused'; readonly code: string; readonly why: string }
  | { readonly is: 'failed'; readonly error: unknown }
  | { readonly is: 'lost' }

type Parts = {
  readonly name: string
  readonly store: MemoryStore
  readonly tree: FolderTree
  readonly time: VirtualTime
  readonly random: Random
  readonly retainMs: number
  /** Told of what the plugin throws that is neither an outage nor a refusal. */
  readonly onFault: (error: unknown) => void
  /** Told of a volume that the plugin says it lost. */
  readonly onLost: (volume: string, why: string) => void
}

/** A machine: its disk, its kernel, and the plugin on it while it runs. */
export class Machine {
  readonly #parts: Parts
  readonly book: MemoryBook
  readonly binds = new MemoryBinds()
  readonly way: Way
  faults: Faults = NO_FAULTS
  #boot = 1
  #isCut = false
  #life: Life | undefined
  #client: Client | undefined
  #starting: Promise<Cluster> | undefined
  #cluster: Cluster | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    const { random } = parts
    this.book = new MemoryBook(
      this.boot,
      (ms, job) => this.#after(ms, job),
      () => random.next(),
    )
    this.way = {
      state: 'there',
      legMs: () => random.between(2, 25),
      isSlow: () => random.chance(0.3),
    }
  }

  get name(): string {
    return this.#parts.name
  }

  /** Not its name, so that whoever mistakes one for the other is found out. */
  get id(): string {
    return `id-${this.name}`
  }

  get boot(): string {
    return `${this.name}-boot-${this.#boot}`
  }

  get isRunning(): boolean {
    return this.#life !== undefined
  }

  /** Undefined until the plugin has read its book. */
  get cluster(): Cluster | undefined {
    return this.#cluster
  }

  start(): void {
    if (this.#life) return
    const { store, time, random, onFault } = this.#parts
    const life = new Life()
    this.#life = life
    const client = new Client(store, time, random, life, this.faults)
    client.isCut = this.#isCut
    this.#client = client
    this.#starting = time.within(life, async () => await this.#open(client))
    this.#starting.catch(onFault)
    void time.within(life, () => this.#tendNowAndThen(life))
  }

  /** kill -9: what was sent to the store, or handed to a child, may still arrive. */
  kill(): void {
    this.#life?.kill()
    this.#life = undefined
    this.#cluster = undefined
    this.#starting = undefined
    this.#client = undefined
  }

  /** What is not synced is lost, nothing is mounted any more, and the next start is in another boot. */
  cutPower(): void {
    this.kill()
    this.binds.at.clear()
    this.#boot += 1
    this.book.cutPower(this.boot, () => this.#parts.random.chance(0.5))
  }

  stop(): void {
    this.#life?.stop()
  }

  goOn(): void {
    this.#life?.goOn()
  }

  /** From the store. */
  cut(isCut: boolean): void {
    this.#isCut = isCut
    if (this.#client) this.#client.isCut = isCut
  }

  setFaults(faults: Faults): void {
    this.faults = faults
    if (this.#client) this.#client.faults = faults
  }

  /** What the engine asks. */
  async call(
    method: string,
    body: object,
    caller = new AbortController().signal,
  ): Promise<Outcome> {
    return await this.#within(async cluster => {
      const found = volumeMethods('global', async () => cluster.volumes)[`VolumeDriver.${method}`]
      if (!found) throw new Error(`There is no method ${method}`)
      return await found(structuredClone(body), { caller, note: () => {} })
    })
  }

  /** What an operator asks of a volume, or of all. */
  async order(
    route: 'init' | 'adopt' | 'restore' | 'wipe' | 'break-lock',
    name = '',
    body: object = {},
  ): Promise<Outcome> {
    return await this.#within(async cluster => {
      const served = { ...cluster, rootView, adoptIdentity: async () => {} }
      const routes = clusterRoutes(async () => served)
      const isOfAll = route === 'init' || route === 'adopt'
      const path = isOfAll
        ? (`/v1/cluster/${route}` as const)
        : (`/v1/volumes/:name/${route}` as const)
      const found = routes[`POST ${path}`]
      if (!found) throw new Error(`There is no route ${route}`)
      return await found({ params: { name }, query: {}, body })
    })
  }

  async tend(): Promise<void> {
    await this.#within(async cluster => {
      await cluster.tend()
      return {}
    })
  }

  async #open(store: Client): Promise<Cluster> {
    const { name, tree, retainMs, onLost } = this.#parts
    const machine = { product: '', macs: [] }
    const after = (ms: number, job: () => void) => this.#after(ms, job)
    const expected = () => cluster.expected()
    const cluster: Cluster = await startCluster({
      host: { id: this.id, name, boot: this.boot, machine },
      store,
      book: this.book,
      files: new MemoryFiles(tree, this.binds, this.way, after, expected),
      binds: this.binds,
      mountRoot: MOUNT_ROOT,
      retainMs,
      clusterId: '',
      barred: () => undefined,
      lost: onLost,
    })
    this.#cluster = cluster
    return cluster
  }

  /** By the kernel: whether the plugin lives or not, but not after a power cut. */
  #after(ms: number, job: () => void): void {
    const { boot } = this
    this.#parts.time.after(ms, () => {
      if (boot === this.boot) job()
    })
  }

  /** Runs `job` in the plugin's process. */
  async #within(job: (cluster: Cluster) => Promise<object>): Promise<Outcome> {
    const life = this.#life
    const starting = this.#starting
    if (!life || !starting) return { is: 'lost' }
    const answer = this.#parts.time.within(life, async (): Promise<Outcome> => {
      try {
        return { is: 'answered', body: { ...(await job(await starting)) } }
      } catch (error) {
        if (error instanceof Refusal) return { is: 'refused', code: error.code, why: error.message }
        return { is: 'failed', error }
      }
    })
    return await Promise.race([answer, life.ended.then(() => ({ is: 'lost' }) as const)])
  }

  async #tendNowAndThen(life: Life): Promise<void> {
    const { time, onFault } = this.#parts
    const cluster = await this.#starting?.catch(() => undefined)
    while (!life.isOver) {
      void cluster?.tend().catch(onFault)
      await time.sleep(TEND_EVERY_MS)
    }
  }
}

const rootView = async () => ({
  root: '/data',
  at: '/data',
  type: 'fuse.simulated',
  source: 'simulated',
  ok: true,
  why: undefined,
})
