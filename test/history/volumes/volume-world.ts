import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Etcd } from '../../etcd/etcd.ts'
import { ClusterHost } from './cluster-host.ts'
import { check } from './checker.ts'
import type { History } from './record.ts'
import { statesOf } from './states.ts'
import { VolumeEngine } from './volume-engine.ts'
import type { Recorded } from './volume-engine.ts'

const run = promisify(execFile)

/** Several hosts with one cluster file system and one etcd, each of which may be made to fail; all of it in a folder of its own. */
export class VolumeWorld {
  readonly etcd: Etcd
  readonly engines: readonly VolumeEngine[]
  readonly #folder: string
  readonly #recorded: Recorded

  private constructor(
    folder: string,
    etcd: Etcd,
    recorded: Recorded,
    engines: readonly VolumeEngine[],
  ) {
    this.#folder = folder
    this.etcd = etcd
    this.#recorded = recorded
    this.engines = engines
  }

  /** Resolves when every plugin serves, and the cluster is prepared. */
  static async open(count: number): Promise<VolumeWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'berth-volumes-'))
    await mkdir(join(folder, 'shared'))
    const etcd = await Etcd.start(undefined)
    const recorded: Recorded = { calls: [], holds: [], events: [] }
    const engines: VolumeEngine[] = []
    const world = new VolumeWorld(folder, etcd, recorded, engines)
    try {
      for (let i = 0; i < count; i++) {
        const host = await ClusterHost.open(folder, `host-${i}`, etcd.members)
        engines.push(new VolumeEngine(host, recorded))
      }
      await world.#start()
      await world.engine(0).host.instance.admin('POST', '/v1/cluster/init')
      return world
    } catch (error) {
      await world.close(true)
      throw new Error(`The hosts do not start; see ${folder}`, { cause: error })
    }
  }

  engine(i: number): VolumeEngine {
    const engine = this.engines[i]
    if (!engine) throw new Error(`There is no engine ${i}`)
    return engine
  }

  /** Everything that fails is mended. */
  async heal(): Promise<void> {
    await this.etcd.startAll()
    for (const { host } of this.engines) {
      host.goOn()
      await host.mountClient()
      await host.wire.pass()
    }
    await this.#start()
  }

  /** All that was mounted is let go. @returns what nobody has, and is left all the same after so long */
  async settle(withinMs: number): Promise<readonly string[]> {
    for (const engine of this.engines) {
      for (const container of engine.containers) await engine.stop(container)
    }
    for (const end = performance.now() + withinMs; ; await sleep(500)) {
      const left = await this.#left()
      if (left.length === 0 || performance.now() > end) return left
    }
  }

  /** What happened, and what it breaks. */
  async judged(left: readonly string[]): Promise<{ history: History; broken: readonly string[] }> {
    const states = await statesOf(this.etcd.urls)
    const history = { ...this.#recorded, states, left }
    return { history, broken: check(history) }
  }

  /** @param keep leaves the folder, with the logs of all plugins, where it is; @returns it */
  async close(keep: boolean, history?: History): Promise<string> {
    for (const { host } of this.engines) await host.end()
    await this.etcd.end()
    if (history && keep)
      await writeFile(join(this.#folder, 'history.json'), JSON.stringify(history))
    if (keep) return this.#folder
    for (const { host } of this.engines) {
      const mounts = join(this.#folder, host.name, 'mounts')
      await run('chattr', ['-R', '-i', '--', mounts]).catch(() => {})
    }
    await rm(this.#folder, { recursive: true, force: true })
    return this.#folder
  }

  async #start(): Promise<void> {
    await Promise.all(this.engines.map(async ({ host }) => await host.instance.start()))
    await Promise.all(this.engines.map(async ({ host }) => await host.instance.ready()))
  }

  async #left(): Promise<string[]> {
    const left: string[] = []
    for (const { host } of this.engines) {
      for (const at of await host.binds()) left.push(`${at} is left mounted`)
      const { body } = await host.instance.admin('GET', '/v1/volumes')
      const volumes = body['volumes']
      if (body['stale'] === true || !Array.isArray(volumes)) left.push(`${host.name} is not served`)
      else if (/"users":\[\{|"here":/.test(JSON.stringify(volumes)))
        left.push(`${host.name} has users left: ${JSON.stringify(volumes)}`)
    }
    return left
  }
}
