import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseMountinfo } from '../../../../shared/mountinfo.ts'
import { LoopDisk, MIB } from '../../../disks/loop-disk.ts'
import { run } from '../../../engine/lab/run.ts'
import { dataOf, mountRootOf, Plugin } from './plugin.ts'
import type { PluginOptions } from './plugin.ts'

/** The smallest that XFS can be made on. */
export const SIZE = 300 * MIB

/** As far as worlds use a test. */
export type Test = { teardown(end: () => Promise<void>): void }

/** A host: its disks, one of which is somebody else's, and the plugin's folder. What it is like can be saved, and had again. */
export class World {
  readonly folder: string
  /** In the order in which they are taken. */
  readonly disks: readonly LoopDisk[]
  readonly foreign: LoopDisk
  readonly #foreignSum: string

  constructor(folder: string, disks: readonly LoopDisk[], foreign: LoopDisk, foreignSum: string) {
    this.folder = folder
    this.disks = disks
    this.foreign = foreign
    this.#foreignSum = foreignSum
  }

  /** @param count of disks that may be taken and are blank */
  static async create(t: Test, count: number): Promise<World> {
    const disks: LoopDisk[] = []
    while (disks.length < count) disks.push(await LoopDisk.create(t, { size: SIZE }))
    const foreign = await createForeign(t)
    const folder = await createFolder(t)
    disks.sort((a, b) => numberOf(a) - numberOf(b))
    return new World(folder, disks, foreign, await foreign.checksum())
  }

  get calls(): string {
    return join(this.folder, 'calls')
  }

  /** Resolves once it has tended to all that was left. */
  async start(options: Partial<PluginOptions> = {}): Promise<Plugin> {
    const plugin = this.launch(options)
    await plugin.tended()
    return plugin
  }

  launch({ settings, through = [] }: Partial<PluginOptions> = {}): Plugin {
    const nodes = [...this.disks, this.foreign].map(({ node }) => node)
    const all = { SSD_DEVICES: nodes.join(','), CALLS: this.calls, ...settings }
    return new Plugin({ folder: this.folder, settings: all, through })
  }

  /** The names of the calls that were made since the last time. */
  async takeCalls(): Promise<readonly string[]> {
    const text = existsSync(this.calls) ? await readFile(this.calls, 'utf8') : ''
    await rm(this.calls, { force: true })
    return text.split('\n').filter(line => line !== '')
  }

  /** For when no plugin runs. */
  async save(name: string): Promise<void> {
    const saved = join(this.folder, name)
    await unmountAll(this.folder, this.disks)
    await rm(saved, { recursive: true, force: true })
    await mkdir(saved)
    await copyState(this.folder, saved)
    for (const { name: disk, file } of this.disks) await copySparse(file, join(saved, disk))
  }

  async restore(name: string): Promise<void> {
    const saved = join(this.folder, name)
    await clear(this.folder, this.disks)
    await copyState(saved, this.folder)
    for (const disk of this.disks) {
      await copySparse(join(saved, disk.name), disk.file)
      await disk.flush()
    }
  }

  /** All that stays of the plugin, as of a host whose state was lost. */
  async restoreState(name: string): Promise<void> {
    await clear(this.folder, this.disks)
    await copyState(join(this.folder, name), this.folder)
  }

  async isForeignUntouched(): Promise<boolean> {
    return (await this.foreign.checksum()) === this.#foreignSum
  }

  /**
   * Unmounts all.
   *
   * @returns what is wrong with the file systems on the disks that stand on these files
   */
  async unmountAndCheck(files: readonly string[]): Promise<readonly string[]> {
    await unmountAll(this.folder, this.disks)
    const faults = this.disks
      .filter(({ file }) => files.includes(file))
      .map(({ node }) =>
        run('xfs_repair', ['-n', node]).then(
          () => [],
          (error: Error) => [error.message],
        ),
      )
    return (await Promise.all(faults)).flat()
  }
}

/** What a container writes into a volume: on the disk when it returns. */
export async function writeFileInto(root: string, text: string): Promise<void> {
  await using file = await open(join(root, 'file'), 'w')
  await file.writeFile(text)
  await file.sync()
  await using folder = await open(root, 'r')
  await folder.sync()
}

/** Empty where there is none. */
export async function readFileFrom(root: string): Promise<string> {
  const file = join(root, 'file')
  if (!existsSync(file)) return ''
  return await readFile(file, 'utf8').catch((error: Error) => error.message)
}

export function mounts() {
  return parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'))
}

const numberOf = ({ name }: LoopDisk): number => Number(name.slice('loop'.length))

/** Somebody's disk, which is named as one that may be taken. */
export async function createForeign(t: Test): Promise<LoopDisk> {
  const disk = await LoopDisk.create(t, { size: SIZE })
  await run('mkfs.ext4', ['-q', '-F', disk.node])
  return disk
}

async function createFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-kills-'))
  t.teardown(async () => {
    await clear(folder, [])
    await rm(folder, { recursive: true, force: true })
  })
  return folder
}

/** Leaves nothing of a plugin: nothing mounted, no folders that cannot be removed, no state. */
async function clear(folder: string, disks: readonly LoopDisk[]): Promise<void> {
  await unmountAll(folder, disks)
  const points = mountRootOf(folder)
  for (const name of await readdir(points).catch(() => [])) {
    await run('chattr', ['-i', '--', join(points, name)]).catch(() => {})
  }
  await rm(points, { recursive: true, force: true })
  await rm(dataOf(folder), { recursive: true, force: true })
}

export async function unmountAll(folder: string, disks: readonly LoopDisk[]): Promise<void> {
  const devices = disks.map(({ device }) => device)
  const ours = mounts().filter(
    ({ at, device }) => `${at}/`.startsWith(`${folder}/`) || devices.includes(device),
  )
  for (const { at } of ours.toReversed()) await run('umount', ['--', at])
}

async function copyState(from: string, to: string): Promise<void> {
  const filter = (path: string) => !path.endsWith('.sock')
  await cp(dataOf(from), dataOf(to), { recursive: true, filter })
  await mkdir(mountRootOf(to))
  const names = join(mountRootOf(from), '.volumes.json')
  if (existsSync(names)) await cp(names, join(mountRootOf(to), '.volumes.json'))
}

/** Into the same file, which a device may stand on. */
async function copySparse(from: string, to: string): Promise<void> {
  await run('cp', ['--sparse=always', '--', from, to])
}
