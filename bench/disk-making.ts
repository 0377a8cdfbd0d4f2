import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LoopDisk } from '../test/disks/loop-disk.ts'
import { run } from '../test/engine/lab/run.ts'
import { LinuxDisks } from '../volume-plugin/ssd/linux-disks.ts'
import { inTurn, ratioOf, timed } from './pairs.ts'
import type { Spread } from './pairs.ts'
import { median } from './load.ts'
import type { Scope } from './scope.ts'
import { blank, SsdPlugin } from './ssd-plugin.ts'

/** As the plugin mounts. */
export const MOUNT = ['-t', 'xfs', '-o', 'noatime,nodev,nosuid']
const GIB = 2 ** 30
const SIZES = [
  ['1 GiB', GIB],
  ['100 GiB', 100 * GIB],
  ['1 TiB', 1024 * GIB],
] as const
const ROUNDS = 15
const MOUNTS = 60

export type MakingRow = {
  readonly size: string
  readonly floorMs: number
  readonly createMs: number
  readonly ratio: Spread
  readonly scanMs: number
  /** What part of Create the scan for content is. */
  readonly scanPart: Spread
}

/** Create against mkfs.xfs, mount and umount of the same disk, which is blank each time. */
export async function measureMaking(scope: Scope, folder: string): Promise<MakingRow[]> {
  const rows: MakingRow[] = []
  for (const [size, bytes] of SIZES) {
    const at = join(folder, size.replace(' ', '-'))
    rows.push(await scope.part(part => measureSize(part, at, size, bytes)))
  }
  return rows
}

async function measureSize(scope: Scope, folder: string, size: string, bytes: number) {
  const disk = await LoopDisk.create(scope, { size: bytes })
  const byHand = join(folder, 'by-hand')
  await mkdir(byHand, { recursive: true })
  const plugin = await SsdPlugin.start(scope, join(folder, 'plugin'), [disk])
  const Name = 'made'
  const sides = {
    floor: async () => {
      const ms = await timed(async () => {
        await run('mkfs.xfs', ['-q', '-K', disk.node])
        await run('mount', [...MOUNT, disk.node, byHand])
        await run('umount', [byHand])
      })
      await blank(disk)
      return ms
    },
    scan: async () => await scan(disk),
    create: async () => {
      const ms = await timed(() => plugin.call('Create', { Name, Opts: {} }))
      await plugin.giveBack(Name)
      return ms
    },
  }
  await inTurn(sides, 1)
  const { floor, scan: scans, create } = await inTurn(sides, ROUNDS)
  return {
    size,
    floorMs: median(floor),
    createMs: median(create),
    ratio: ratioOf(create, floor),
    scanMs: median(scans),
    scanPart: ratioOf(scans, create),
  }
}

/** The plugin's own, of a disk that is held as it holds it. */
async function scan({ name }: LoopDisk): Promise<number> {
  const disks = new LinuxDisks({})
  const disk = (await disks.list()).find(each => each.name === name)
  const hold = disk && (await disks.hold(disk))
  if (!hold?.held) throw new Error(`${name} cannot be held: ${hold?.why ?? 'it is not there'}`)
  try {
    return await timed(async () => {
      const at = await hold.content()
      if (at !== undefined) throw new Error(`${name} is not blank: there is data at byte ${at}`)
    })
  } finally {
    await hold.release()
  }
}

export type MountRow = {
  readonly name: string
  readonly floorMs: number
  readonly pluginMs: number
  readonly ratio: Spread
}

/** Mount against mount(8), Unmount against umount(8), of the same file system. */
export async function measureMounting(scope: Scope, folder: string): Promise<MountRow[]> {
  const disk = await LoopDisk.create(scope, { size: GIB })
  const byHand = join(folder, 'by-hand')
  await mkdir(byHand, { recursive: true })
  const plugin = await SsdPlugin.start(scope, join(folder, 'plugin'), [disk])
  const Name = 'mounted'
  await plugin.call('Create', { Name, Opts: {} })
  const sides = {
    floor: async () => ({
      mount: await timed(() => run('mount', [...MOUNT, disk.node, byHand])),
      unmount: await timed(() => run('umount', [byHand])),
    }),
    plugin: async () => ({
      mount: await timed(() => plugin.call('Mount', { Name, ID: 'bench' })),
      unmount: await timed(() => plugin.call('Unmount', { Name, ID: 'bench' })),
    }),
  }
  await inTurn(sides, 3)
  const measured = await inTurn(sides, MOUNTS)
  const row = (name: string, of: (round: { mount: number; unmount: number }) => number) => {
    const floor = measured.floor.map(of)
    const own = measured.plugin.map(of)
    return { name, floorMs: median(floor), pluginMs: median(own), ratio: ratioOf(own, floor) }
  }
  return [
    row('Mount against mount(8)', ({ mount }) => mount),
    row('Unmount against umount(8)', ({ unmount }) => unmount),
  ]
}
