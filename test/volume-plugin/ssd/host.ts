import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { LevelDatabase } from '../../../shared/level-database.ts'
import type { ClaimBook } from '../../../volume-plugin/ssd/claim-book.ts'
import { isVolumeClaim } from '../../../volume-plugin/ssd/claims.ts'
import type { VolumeClaim } from '../../../volume-plugin/ssd/claims.ts'
import type { Disks, Hold } from '../../../volume-plugin/ssd/disks.ts'
import { LinuxDisks } from '../../../volume-plugin/ssd/linux-disks.ts'
import { LinuxMounts } from '../../../volume-plugin/ssd/linux-mounts.ts'
import type { Mounts } from '../../../volume-plugin/ssd/mounts.ts'
import { ssdRoutes } from '../../../volume-plugin/ssd/routes.ts'
import { startSsd } from '../../../volume-plugin/ssd/ssd.ts'
import type { Ssd } from '../../../volume-plugin/ssd/ssd.ts'
import type { Roots } from '../../../volume-plugin/ssd/sysfs.ts'
import { requireVolumeName } from '../../../volume-plugin/volume-name.ts'
import type { Volume } from '../../../volume-plugin/volumes.ts'
import { LoopDisk, MIB } from '../../disks/loop-disk.ts'
import { run } from '../../engine/lab/run.ts'
import { pluginFolder } from '../process.ts'
import { BOOT, Journal } from './journal.ts'

export type StartOptions = {
  readonly book?: (real: ClaimBook) => ClaimBook
  readonly disks?: (real: Disks) => Disks
  readonly mounts?: (real: Mounts) => Mounts
  readonly deny?: readonly string[]
  readonly roots?: Roots
  /** The host's name. */
  readonly name?: string
}

/**
 * A host with all parts of the volume plugin but its sockets, in this process: so that each of the real parts can be made
 * to misbehave once, and its journal can be written by somebody else while nothing runs.
 */
export class Host {
  readonly folder: string
  /** In the order in which they are taken: the smallest first. */
  readonly disks: readonly LoopDisk[]
  readonly journal: Journal
  readonly #state: string
  readonly #mountRoot: string
  readonly #t: Test

  private constructor(t: Test, folder: string, disks: readonly LoopDisk[]) {
    this.#t = t
    this.folder = folder
    this.disks = disks
    this.#state = join(folder, 'data', 'berth', 'ssd')
    this.#mountRoot = join(folder, 'mounts')
    this.journal = new Journal(this.#state, this.#mountRoot)
  }

  static async create(t: Test, count: number): Promise<Host> {
    const disks: LoopDisk[] = []
    while (disks.length < count) {
      disks.push(await LoopDisk.create(t, { size: (300 + disks.length) * MIB }))
    }
    const folder = await pluginFolder(t)
    const host = new Host(t, folder, disks)
    await mkdir(host.#mountRoot)
    await mkdir(host.#state, { recursive: true })
    return host
  }

  /** The disk that is taken first. */
  get disk(): LoopDisk {
    const [disk] = this.disks
    if (!disk) throw new Error('The host has no disk')
    return disk
  }

  async start(options: StartOptions = {}): Promise<Running> {
    const { book, disks, mounts, deny = [], roots = {}, name = 'testhost' } = options
    const { database, book: realBook } = await this.journal.open()
    const realDisks = new LinuxDisks(roots)
    const realMounts = new LinuxMounts(roots)
    const stop = new AbortController()
    try {
      const ssd = await startSsd({
        disks: disks?.(realDisks) ?? realDisks,
        mounts: mounts?.(realMounts) ?? realMounts,
        book: book?.(realBook) ?? realBook,
        policy: {
          devices: [...this.disks.map(({ node }) => node), join(roots.devRoot ?? '/none', 'sd*')],
          deny,
          allowLoop: true,
        },
        isAnonymousAllowed: false,
        retainMs: 60 * 60_000,
        host: name,
        boot: BOOT,
        mountRoot: this.#mountRoot,
        peekAt: join(this.#state, 'peek'),
        claimingOff: () => undefined,
        stop: stop.signal,
      })
      const running = new Running(ssd, database, stop)
      this.#t.teardown(async () => await running.end())
      return running
    } catch (error) {
      await database.close()
      throw error
    }
  }

  /** Mounts a disk as somebody who knows nothing of the plugin. */
  async byHand(disk: LoopDisk, use: (at: string) => Promise<void>): Promise<void> {
    const at = join(this.folder, 'by-hand')
    await mkdir(at, { recursive: true })
    await run('mount', ['-t', 'xfs', '--', disk.node, at])
    try {
      await use(at)
    } finally {
      await run('umount', ['--', at])
    }
  }
}

/** What runs on a host, asked as the engine and the operator ask it. */
export class Running {
  readonly ssd: Ssd
  readonly #database: LevelDatabase
  readonly #stop: AbortController

  constructor(ssd: Ssd, database: LevelDatabase, stop: AbortController) {
    this.ssd = ssd
    this.#database = database
    this.#stop = stop
  }

  /** Once or more often. */
  async end(): Promise<void> {
    this.#stop.abort()
    await this.ssd.keeping.idle()
    await this.#database.close()
  }

  async create(name: string, options: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.ssd.volumes.create(requireVolumeName(name), options)
  }

  /** The volume's root. */
  async mount(name: string, id = 'container'): Promise<string> {
    const caller = new AbortController().signal
    return await this.ssd.volumes.mount(requireVolumeName(name), id, caller)
  }

  async unmount(name: string, id = 'container'): Promise<void> {
    await this.ssd.volumes.unmount(requireVolumeName(name), id)
  }

  async remove(name: string): Promise<void> {
    await this.ssd.volumes.remove(requireVolumeName(name))
  }

  async get(name: string): Promise<Volume | undefined> {
    return await this.ssd.volumes.get(requireVolumeName(name))
  }

  /** As the operator's socket does. */
  async ask(
    route: `GET /${string}` | `POST /${string}`,
    params: Readonly<Record<string, string>> = {},
    body: object = {},
  ): Promise<object> {
    const asked = ssdRoutes(async () => this.ssd)[route]
    if (!asked) throw new Error(`There is no ${route}`)
    return await asked({ params, query: {}, body })
  }

  async adopt({ name }: LoopDisk): Promise<object> {
    return await this.ask('POST /v1/adopt', {}, { disk: name })
  }

  async wipeDisk({ name, file }: LoopDisk): Promise<object> {
    return await this.ask('POST /v1/disks/:disk/wipe', { disk: name }, { confirm: file })
  }

  /** What is shown of a disk. */
  async disk(name: string): Promise<object | undefined> {
    const { disks } = (await this.ask('GET /v1/disks')) as { disks: { device: string }[] }
    return disks.find(({ device }) => device === name)
  }

  /** The state of each claim, by the name of its volume. */
  get states(): readonly string[] {
    const claims = this.ssd.claims.all()
    return claims.map(({ volume, state }) => `${volume?.name ?? ''} ${state.is}`).toSorted()
  }

  /** Of the one volume that there is. */
  get claim(): VolumeClaim {
    const [claim, ...others] = this.ssd.claims.all()
    if (claim && isVolumeClaim(claim) && others.length === 0) return claim
    throw new Error(`There is not one claim: ${this.states.join(', ')}`)
  }

  /** Puts what must not be lost into a volume. */
  async keep(name: string, text = 'precious'): Promise<void> {
    await writeFile(join(await this.mount(name), 'file'), text)
    await this.unmount(name)
  }

  async kept(name: string): Promise<string> {
    const text = await readFile(join(await this.mount(name), 'file'), 'utf8')
    await this.unmount(name)
    return text
  }
}

/** A volume that was made and written to, by a process that has ended. */
export async function withVolume(host: Host, name = 'db'): Promise<VolumeClaim> {
  const running = await host.start()
  await running.create(name)
  await running.keep(name)
  await running.end()
  return running.claim
}

/** All that is on it, ids and all, onto one that is not smaller. */
export async function copyDisk(from: LoopDisk, to: LoopDisk): Promise<void> {
  await run('dd', [`if=${from.file}`, `of=${to.file}`, 'bs=1M', 'conv=notrunc,sparse'])
  await to.flush()
}

/** The real thing, but for what is changed. */
export function changed<T extends object>(real: T, changes: Partial<T>): T {
  return new Proxy(real, {
    get(_, name): unknown {
      const found: unknown = Reflect.get(name in changes ? changes : real, name)
      return typeof found === 'function' ? found.bind(real) : found
    },
  })
}

/** Disks whose holds are the real ones, but for what is changed. */
export function changedHolds(real: Disks, change: (hold: Hold) => Partial<Hold>): Disks {
  return changed(real, {
    hold: async disk => {
      const hold = await real.hold(disk)
      return hold.held ? changed<Hold>(hold, change(hold)) : hold
    },
  })
}
