import * as v from '@badrap/valita'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from './engine.ts'
import { DIST } from './releases.ts'
import { run } from './run.ts'
import { until } from './until.ts'

/** The engine knows an IPAM driver by its full name, with the tag. */
export const PLUGIN = 'berth-ipam:latest'

/** What `make plugins` leaves: config.json and rootfs. */
export const BUILT = join(DIST, 'berth-ipam')

/** The managed plugin, installed in an engine. */
export class Plugin {
  readonly engine: Engine
  readonly name: string

  constructor(engine: Engine, name = PLUGIN) {
    this.engine = engine
    this.name = name
  }

  /** Created from what was built, set and enabled. */
  static async install(
    engine: Engine,
    settings: Readonly<Record<string, string>> = {},
    name = PLUGIN,
  ): Promise<Plugin> {
    if (!existsSync(join(BUILT, 'config.json'))) {
      throw new Error(`no built plugin in ${BUILT}: run scripts/test, or make plugins`)
    }
    const plugin = new Plugin(engine, name)
    await engine.docker(['plugin', 'create', name, BUILT])
    await plugin.set(settings)
    await plugin.enable()
    return plugin
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

  /** What it was installed from. */
  async reference(): Promise<string> {
    return this.engine.docker(['plugin', 'inspect', '-f', '{{.PluginReference}}', this.name])
  }

  /**
   * kill -9 of the plugin's first process, and with it of the whole plugin. Ends when the engine has started it again and
   * has asked it its first question: a plugin that dies earlier than that is given up by the engine.
   */
  async kill(): Promise<void> {
    const { engine } = this
    const id = await engine.docker(['plugin', 'inspect', '-f', '{{.Id}}', this.name])
    const pid = await until('a process of the plugin', 20_000, () => this.#firstProcess(id))
    const before = engine.logSize
    await engine.host.run(['kill', '-9', String(pid)])
    await until('the plugin to be asked again', 30_000, () =>
      engine.log(before).includes('IpamDriver.GetCapabilities'),
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
export async function publish(engine: Engine, reference: string): Promise<void> {
  const folder = engine.host.path('publish')
  await run('cp', ['-a', BUILT, folder])
  writeFileSync(join(folder, 'rootfs/reference'), reference)
  await engine.docker(['plugin', 'create', reference, folder])
  await engine.docker(['plugin', 'push', reference])
  await engine.docker(['plugin', 'rm', reference])
  rmSync(folder, { recursive: true })
}
