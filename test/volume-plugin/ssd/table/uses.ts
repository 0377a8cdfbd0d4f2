import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, mkdir, open, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { LoopDisk, MIB } from '../../../disks/loop-disk.ts'
import { run } from '../../../engine/lab/run.ts'
import { until } from '../../../engine/lab/until.ts'
import { keep, keepNamespace } from '../../process-kept.ts'
import { pluginFolder, requireOk, VolumePlugin } from '../../process.ts'
import { SIZE, state } from './state.ts'
import type { Made, State } from './state.ts'

/** Disks that somebody uses, or that are not as a disk should be; blank, where they can be. */
export const USES: readonly State[] = [
  state('that is mounted', /is mounted on \/.*berth-disk/, mountXfs),
  state('of which a partition is mounted', /has partitions: .*; it is mounted on/, mountPartition),
  state('with a partition that the kernel alone remembers', /has partitions: /, forgetTable),
  state('that is mounted where the plugin does not see it', /in use: /, mountElsewhere),
  state('that another process has opened exclusively', /in use: /, openExclusively),
  state('that another process has locked', /is locked by another process/, lock),
  { is: 'that is swapped to', says: /is swapped to/, make: makeSwap },
  state('that is read-only', /is read-only/, undefined, { readOnly: true }),
  state('that is too small', /XFS needs/, undefined, { size: 256 * MIB }),
  state('that the kernel calls rotational', /calls it rotational/, undefined, { rotational: true }),
  state('of which half cannot be read', /could not be looked at: .*EIO/, cut(SIZE / 2)),
  state('that is dead', /could not be looked at: .*EIO/, cut(0)),
  state('whose node may not be opened', /EACCES/, forbid),
  { is: 'that is there twice', says: /seems to be the same disk as loop/, make: makeTwice },
  {
    ...state('with a volume of which there is no record', /not blank: xfs/, makeVolume),
    shows: /the volume theirs/,
  },
]

const SWAP_BYTES = 40 * 1024

/** For whom a node's permissions stand, also as root. */
export const WITHOUT_PRIVILEGES = [
  'setpriv',
  '--bounding-set=-dac_override,-dac_read_search',
  '--inh-caps=-all',
] as const

/** Read-only, so that the file system itself writes nothing. */
async function mountXfs({ node, folder }: LoopDisk, t: Test): Promise<void> {
  await run('mkfs.xfs', ['-q', '-K', node])
  await mount(t, node, join(folder, 'mounted'))
}

async function mount(t: Test, node: string, at: string): Promise<void> {
  await mkdir(at)
  await run('mount', ['--read-only', '--', node, at])
  t.teardown(async () => void (await run('umount', ['--', at])))
}

async function mountPartition({ node, folder }: LoopDisk, t: Test): Promise<void> {
  await addPartition(node, t)
  await run('mkfs.ext4', ['-q', `${node}p1`])
  await mount(t, `${node}p1`, join(folder, 'mounted'))
}

async function addPartition(node: string, t: Test): Promise<void> {
  await run('sgdisk', ['--new=1:2048:+64M', node])
  await run('partx', ['--update', node])
  // Whoever looks for file systems on this machine may just have it open.
  const forget = async () =>
    await run('partx', ['--delete', node]).then(
      () => true,
      () => false,
    )
  t.teardown(async () => void (await until('a forgotten partition', 30_000, forget)))
}

async function forgetTable(disk: LoopDisk, t: Test): Promise<void> {
  await addPartition(disk.node, t)
  await disk.write(0, Buffer.alloc(MIB))
  await disk.write(SIZE - MIB, Buffer.alloc(MIB))
}

async function mountElsewhere({ node, folder }: LoopDisk, t: Test): Promise<void> {
  await run('mkfs.xfs', ['-q', '-K', node])
  const { pid } = await keepNamespace(t)
  const at = join(folder, 'mounted')
  await mkdir(at)
  const into = ['--target', String(pid), '--mount']
  await run('nsenter', [...into, 'mount', '--read-only', '--', node, at])
}

async function openExclusively({ node }: LoopDisk, t: Test): Promise<void> {
  const held = await open(node, constants.O_RDONLY | constants.O_EXCL)
  t.teardown(async () => await held.close())
}

async function lock({ node }: LoopDisk, t: Test): Promise<void> {
  keep(t, 'flock', ['--exclusive', '--no-fork', node, 'sleep', 'infinity'])
  const isLocked = async () =>
    await run('flock', ['--nonblock', node, 'true']).then(
      () => false,
      () => true,
    )
  await until('a lock', 10_000, isLocked)
}

/** Of the least size that there is, since the kernel writes to it as it likes. */
async function makeSwap(t: Test): Promise<readonly Made[]> {
  const disk = await LoopDisk.create(t, { size: SIZE })
  await run('mkswap', [disk.node, String(SWAP_BYTES / 1024)])
  await run('swapon', ['--priority', '0', disk.node])
  t.teardown(async () => void (await run('swapoff', [disk.node])))
  const { name, node } = disk
  return [{ name, node, checksum: async () => await checksumOfRest(disk) }]
}

async function checksumOfRest(disk: LoopDisk): Promise<string> {
  const hash = createHash('sha256').update(await disk.read(0, 4096))
  await using file = await open(disk.file, 'r')
  for await (const chunk of file.createReadStream({ start: SWAP_BYTES })) hash.update(chunk)
  return hash.digest('hex')
}

/** The disk still says that it is as large as before. */
function cut(length: number) {
  return async ({ file }: LoopDisk) => await truncate(file, length)
}

async function forbid({ node }: LoopDisk, t: Test): Promise<void> {
  await chmod(node, 0)
  t.teardown(async () => await chmod(node, 0o660))
}

async function makeTwice(t: Test): Promise<readonly Made[]> {
  const disk = await LoopDisk.create(t, { size: SIZE })
  return [disk, await LoopDisk.create(t, { file: disk.file })]
}

async function makeVolume(disk: LoopDisk, t: Test): Promise<void> {
  const plugin = await VolumePlugin.start(t, await pluginFolder(t), { disks: [disk] })
  requireOk(await plugin.create('theirs'))
  await plugin.end('SIGTERM')
}
