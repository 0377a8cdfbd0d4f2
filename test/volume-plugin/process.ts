import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as v from '@badrap/valita'
import { AdminClient } from '../../cli/client.ts'
import { isSystemError } from '../../shared/system-error.ts'
import type { LoopDisk } from '../disks/loop-disk.ts'
import { childrenOf } from '../engine/lab/processes.ts'
import type { ProcessId } from '../engine/lab/processes.ts'
import { run } from '../engine/lab/run.ts'
import { Plugin } from '../ipam-plugin/process.ts'
import type { Answer, LogLine } from '../ipam-plugin/process.ts'
import { endSession } from './process-session.ts'

const MAIN = fileURLToPath(new URL('../../volume-plugin/main.ts', import.meta.url))

/** As far as plugins use a test. */
type Test = { teardown(end: () => Promise<void>): void }

export type VolumePluginOptions = {
  /** All that SSD_DEVICES names. */
  readonly disks?: readonly Pick<LoopDisk, 'node'>[]
  /** Besides those that let it take loop devices, or instead of them. */
  readonly settings?: Readonly<Record<string, string>>
  /** Runs it through another command, such as one that takes privileges away. */
  readonly through?: readonly string[]
}

/** What an operator is shown of a disk. */
export type DiskView = v.Infer<typeof diskView>
const diskView = v.object({
  node: v.string(),
  state: v.string(),
  reasons: v.array(v.object({ code: v.string(), text: v.string() })),
  volume: v.object({ name: v.string(), state: v.string() }).rest(v.unknown()).optional(),
})

/** What an operator is shown of a claim. */
export type ClaimView = v.Infer<typeof claimView>
const claimView = v.object({
  name: v.string(),
  claim: v.string(),
  state: v.string(),
  problem: v.string().optional(),
})

/** The process of the volume plugin, asked as the engine asks it. */
export class VolumePlugin {
  readonly folder: string
  readonly admin: AdminClient
  readonly #plugin: Plugin
  readonly #process: ProcessId

  private constructor(folder: string, plugin: Plugin, process: ProcessId) {
    this.folder = folder
    this.admin = new AdminClient(join(folder, 'data', 'berth', 'ssd', 'admin.sock'))
    this.#plugin = plugin
    this.#process = process
  }

  /** Resolves once it listens; it is ended when the test is. */
  static async start(
    t: Test,
    folder: string,
    { disks = [], settings = {}, through = [] }: VolumePluginOptions = {},
  ): Promise<VolumePlugin> {
    const before = childrenOf(process.pid).map(({ pid }) => pid)
    const launched = Plugin.launch(folder, {
      main: MAIN,
      // Its tools are of its session, and known by it when it is gone.
      through: ['setsid', ...through],
      settings: {
        MOUNT_ROOT: join(folder, 'mounts'),
        SSD_DEVICES: disks.map(({ node }) => node).join(','),
        SSD_ALLOW_LOOP: '1',
        ...settings,
      },
    })
    const child = childrenOf(process.pid).find(({ pid }) => !before.includes(pid))
    if (!child) throw new Error(`The plugin ended at once: ${launched.errors}`)
    const plugin = new VolumePlugin(folder, launched, child)
    t.teardown(async () => await plugin.end('SIGKILL'))
    await plugin.logged(({ msg }) => msg === 'listening')
    return plugin
  }

  get log(): readonly LogLine[] {
    return this.#plugin.log
  }

  async logged(wanted: (line: LogLine) => boolean): Promise<LogLine> {
    return await this.#plugin.logged(wanted)
  }

  /** @throws {Error} where the connection is dropped, or hung up */
  async call(method: string, body?: object, hangUp?: AbortSignal): Promise<Answer> {
    return await this.#plugin.call(`VolumeDriver.${method}`, body, hangUp)
  }

  /** Whom the engine has for a plugin. */
  async activate(): Promise<Answer> {
    return await this.#plugin.call('Plugin.Activate')
  }

  /** As the engine never would: any text for a body. */
  async post(method: string, text: string): Promise<Answer> {
    return await this.#plugin.post(`VolumeDriver.${method}`, text)
  }

  async get(Name: string): Promise<Answer> {
    return await this.call('Get', { Name })
  }

  /** @throws {Error} where it is refused */
  async volume(name: string): Promise<VolumeView> {
    return got.parse(requireOk(await this.get(name)), { mode: 'strip' }).Volume
  }

  async create(Name: string, Opts: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return await this.call('Create', { Name, Opts })
  }

  /** The path of the volume's root. @throws {Error} where it is refused */
  async mount(Name: string, ID: string): Promise<string> {
    const { Mountpoint } = mounted.parse(requireOk(await this.call('Mount', { Name, ID })))
    return Mountpoint
  }

  async unmount(Name: string, ID: string): Promise<Answer> {
    return await this.call('Unmount', { Name, ID })
  }

  async remove(Name: string): Promise<Answer> {
    return await this.call('Remove', { Name })
  }

  /** All names, as the engine is told them. */
  async names(): Promise<readonly string[]> {
    const { Volumes } = listed.parse((await this.call('List')).body, { mode: 'strip' })
    return Volumes.map(({ Name }) => Name)
  }

  async disk(node: string): Promise<DiskView> {
    const type = v.object({ disks: v.array(diskView) })
    const { disks } = await this.admin.get('/v1/disks', type)
    const found = disks.find(each => each.node === node)
    if (found) return found
    throw new Error(`${node} is not among the disks`)
  }

  /** Every disk that is not free, by the volume that it is, was, or shall be. */
  async claims(): Promise<readonly ClaimView[]> {
    const type = v.object({ volumes: v.array(claimView) })
    return (await this.admin.get('/v1/volumes', type)).volumes
  }

  /** Waits also for the tools that it left behind; they are killed with it where it is killed. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#plugin.end(signal)
    await endSession(this.#process.pid)
  }

  /** The programs that it runs. */
  children(): readonly ProcessId[] {
    return childrenOf(this.#process.pid)
  }

  /** Kills it alone: a tool that it runs goes on. */
  async kill(): Promise<void> {
    await this.#plugin.end('SIGKILL')
  }
}

export type VolumeView = v.Infer<typeof got>['Volume']
const got = v.object({
  Volume: v.object({
    Name: v.string(),
    Mountpoint: v.string().optional(),
    CreatedAt: v.string(),
    Status: v.object({
      state: v.string(),
      mounts: v.record(v.number()),
      bytes: v.number(),
      disk: v.object({ device: v.string().optional() }),
    }),
  }),
})
const mounted = v.object({ Mountpoint: v.string() })
const listed = v.object({ Volumes: v.array(v.object({ Name: v.string() })) })

/** DATA_DIR, MOUNT_ROOT and the socket of plugins that come one after the other. For after the disks, and before the plugins. */
export async function pluginFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-ssd-'))
  t.teardown(async () => await removeFolder(folder))
  return folder
}

async function removeFolder(folder: string): Promise<void> {
  const mounted = await readdir(join(folder, 'mounts')).catch(() => [])
  for (const at of [
    ...mounted.map(id => join(folder, 'mounts', id)),
    join(folder, 'data/berth/ssd/peek'),
  ]) {
    await run('umount', ['--', at]).catch(() => {})
    await run('chattr', ['-i', '--', at]).catch(() => {})
  }
  await rm(folder, { recursive: true, force: true })
}

/** @throws {Error} where it is a refusal */
export function requireOk({ status, body }: Answer): Answer['body'] {
  if (status === 200) return body
  throw new Error(JSON.stringify(body))
}

/** Whether it was no answer at all that came: what the engine takes for a plugin that is away. */
export async function isDropped(call: Promise<Answer>): Promise<boolean> {
  try {
    await call
    return false
  } catch (error) {
    if (isSystemError(error, 'ECONNRESET')) return true
    throw error
  }
}
