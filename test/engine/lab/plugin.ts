import * as v from '@badrap/valita'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from './engine.ts'
import { registryOfBuilt } from './registry.ts'
import { DIST } from './releases.ts'
import { run } from './run.ts'
import { until } from './until.ts'

/** One of the plugins that are built here. */
export type Kind = {
  /** With the tag: so the engine knows a driver. */
  readonly name: string
  /** What `make plugins` leaves: config.json and rootfs. */
  readonly built: string
  /** What the engine's log says once a plugin that was started again can be asked. */
  readonly awake: string
}

export const BERTH_IPAM: Kind = {
  name: 'berth-ipam:latest',
  built: join(DIST, 'berth-ipam'),
  // The engine asks as soon as it has reached it; a volume driver it asks nothing.
  awake: 'IpamDriver.GetCapabilities',
}
export const BERTH_SSD: Kind = {
  name: 'berth-ssd:latest',
  built: join(DIST, 'berth-ssd'),
  awake: 'listening',
}
export const BERTH_CLUSTER: Kind = {
  name: 'berth-cluster:latest',
  built: join(DIST, 'berth-cluster'),
  awake: 'listening',
}

/** The managed plugin, installed in an engine. */
export class Plugin {
  readonly engine: Engine
  readonly kind: Kind

  constructor(engine: Engine, kind = BERTH_IPAM) {
    this.engine = engine
    this.kind = kind
  }

  get name(): string {
    return this.kind.name
  }

  /** From a registry that has what was built, as people install it: with its settings, and enabled. */
  static async install(
    engine: Engine,
    settings: Readonly<Record<string, string>> = {},
    kind = BERTH_IPAM,
  ): Promise<Plugin> {
    const registry = await registryOfBuilt(engine.host)
    const install = ['plugin', 'install', '--grant-all-permissions', '--alias', kind.name]
    const pairs = Object.entries(settings).map(([key, value]) => `${key}=${value}`)
    await engine.docker([...install, `${registry}/${kind.name}`, ...pairs], { deadline: 120_000 })
    return new Plugin(engine, kind)
  }

  async set(settings: Readonly<Record<string, string>>): Promise<void> {
    const pairs = Object.entries(settings).map(([key, value]) => `${key}=${value}`)
    if (pairs.length > 0) await this.engine.docker(['plugin', 'set', this.name, ...pairs])
  }

  async enable(): Promise<void> {
    await this.engine.docker(['plugin', 'enable', this.name])
  }

  /** By force, as networks use it. */
  async disable(): Promise<void> {
    await this.engine.docker(['plugin', 'disable', '-f', this.name])
  }

  async isEnabled(): Promise<boolean> {
    const enabled = ['plugin', 'inspect', '-f', '{{.Enabled}}', this.name]
    return (await this.engine.docker(enabled)) === 'true'
  }

  async upgrade(reference: string): Promise<void> {
    const agreed = ['--skip-remote-check', '--grant-all-permissions']
    await this.engine.docker(['plugin', 'upgrade', ...agreed, this.name, reference])
  }

  async id(): Promise<string> {
    return this.engine.docker(['plugin', 'inspect', '-f', '{{.Id}}', this.name])
  }

  /** What it was installed from. */
  async reference(): Promise<string> {
    return this.engine.docker(['plugin', 'inspect', '-f', '{{.PluginReference}}', this.name])
  }

  /**
   * kill -9 of the plugin's first process, and with it of the whole plugin. Ends when the engine has started it again and
   * has reached it, or it listens: a plugin that dies earlier than that is given up by the engine.
   */
  async kill(): Promise<void> {
    const { engine } = this
    const id = await this.id()
    const pid = await until('a process of the plugin', 20_000, () => this.#firstProcess(id))
    const before = engine.logSize
    await engine.host.run(['kill', '-9', String(pid)])
    await until('the plugin to be there again', 30_000, () =>
      engine.log(before).includes(this.kind.awake),
    )
  }

  /** As the host numbers it; undefined while there is none. */
  #firstProcess(id: string): number | undefined {
    const file = this.engine.host.path(`run/docker/runtime-runc/plugins.moby/${id}/state.json`)
    try {
      return State.parse(JSON.parse(readFileSync(file, 'utf8')), { mode: 'strip' }).init_process_pid
    } catch {
      return undefined
    }
  }
}

/** What runc writes down of a container. */
const State = v.object({ init_process_pid: v.number() })

/** Pushes what was built to a registry under that reference, with a content of its own: an engine refuses the same twice. */
export async function publish(engine: Engine, reference: string, kind = BERTH_IPAM): Promise<void> {
  const folder = engine.host.path('publish')
  await run('cp', ['-a', kind.built, folder])
  writeFileSync(join(folder, 'rootfs/reference'), reference)
  await engine.docker(['plugin', 'create', reference, folder])
  await engine.docker(['plugin', 'push', reference])
  await engine.docker(['plugin', 'rm', reference])
  rmSync(folder, { recursive: true })
}
