import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { diskNamed, held } from '../../disks/hold.ts'
import { LoopDisk, MIB, sparseFile } from '../../disks/loop-disk.ts'
import { canUseDisks } from '../../disks/requirements.ts'
import { LinuxDisks } from '../../../volume-plugin/ssd/linux-disks.ts'
import type { Disk } from '../../../volume-plugin/ssd/disk.ts'

const disks = new LinuxDisks({})

t.setTimeout(5 * 60_000)

if (canUseDisks()) {
  await t.test('a loop device is known by its file, and by its size', async t => {
    const loop = await LoopDisk.create(t, { size: 300 * MIB, blockSize: 4096 })
    const disk = await shown(loop)
    t.match(disk, {
      node: loop.node,
      device: loop.device,
      attachment: /^\d+$/,
      identity: { wwid: '', serial: `loop:${loop.file}`, model: '', size: 300 * MIB },
      backingFile: loop.file,
      transport: 'loop',
      isReadOnly: false,
      isRotational: false,
      isSwap: false,
    })
    t.strictSame([disk.mountPoints, disk.partitions, disk.holders, disk.links], [[], [], [], []])
  })

  await t.test('a loop device whose file was deleted could be anything', async t => {
    const loop = await LoopDisk.create(t)
    execFileSync('/usr/bin/rm', [loop.file])
    const disk = (await disks.list()).find(({ name }) => name === loop.name)
    t.match(disk?.identity, { serial: '' })
  })

  await t.test('what is mounted or swapped to says so, a partition of it too', async t => {
    const loop = await LoopDisk.create(t)
    execFileSync('/usr/sbin/mkfs.btrfs', ['-q', loop.node])
    const at = folderFor(loop)
    execFileSync('/usr/bin/mount', [loop.node, at])
    t.strictSame((await shown(loop)).mountPoints, [at], 'of a file system with a number of its own')

    const swap = await LoopDisk.create(t)
    execFileSync('/usr/sbin/mkswap', ['-q', swap.node])
    t.notOk((await shown(swap)).isSwap)
    execFileSync('/usr/sbin/swapon', [swap.node])
    try {
      t.ok((await shown(swap)).isSwap)
      t.match(await disks.hold(await shown(swap)), { held: false, busy: true })
    } finally {
      execFileSync('/usr/sbin/swapoff', [swap.node])
    }
  })

  await t.test('a held disk is held once, and free again afterwards', async t => {
    const disk = await shown(await LoopDisk.create(t))
    const hold = await held(t, disk)
    t.match(await disks.hold(disk), { held: false, busy: true, why: /locked/ })
    t.match(await new LinuxDisks({}).hold(disk), { held: false, busy: true })
    t.throws(() => openSync(disk.node, constants.O_RDWR | constants.O_EXCL), { code: 'EBUSY' })
    await hold.release()
    await hold.release()
    await held(t, disk)
  })

  await t.test('a disk that another process has open exclusively is busy', async t => {
    const disk = await shown(await LoopDisk.create(t))
    const other = openSync(disk.node, constants.O_RDWR | constants.O_EXCL)
    t.match(await disks.hold(disk), { held: false, busy: true, why: /in use/ })
    closeSync(other)
    await held(t, disk)
  })

  await t.test('a disk that is mounted where nobody here sees it is busy', async t => {
    const loop = await LoopDisk.create(t)
    execFileSync('/usr/sbin/mkfs.xfs', ['-q', '-K', loop.node])
    const at = folderFor(loop)
    const script = 'mount "$1" "$2" && echo mounted && read -r _'
    const flags = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', loop.node, at]
    const other = spawn('/usr/bin/unshare', flags, { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(other.stdout, 'data')
    const disk = await shown(loop)
    t.strictSame(disk.mountPoints, [])
    t.match(await disks.hold(disk), { held: false, busy: true })
    other.stdin.end()
    await once(other, 'exit')
  })

  await t.test('another disk under the same name is noticed', async t => {
    const loop = await LoopDisk.create(t)
    const before = await shown(loop)
    await loop.detach()
    t.match(await disks.hold(before), { held: false, busy: false })
    const other = `${loop.folder}/other`
    sparseFile(other, 512 * MIB)
    await loop.attach(other)
    t.match(await disks.hold(before), { held: false, busy: false, why: /another disk/ })
    await t.rejects(disks.read(before, 0, 4096), /another disk/)
    await loop.detach()
    await loop.attach()
    t.match(
      await disks.hold(before),
      { held: false },
      'the same one, plugged in anew: it may have changed',
    )
    await held(t, await shown(loop))
  })

  await t.test('it is read without being held, also while somebody has it', async t => {
    const loop = await LoopDisk.create(t)
    await loop.write(MIB, Buffer.from('hello'))
    const disk = await shown(loop)
    await held(t, disk)
    t.equal((await disks.read(disk, MIB, 5)).toString(), 'hello')
    await t.rejects(disks.read(disk, 512 * MIB - 2, 4), /ends at byte/)
  })

  await t.test('partitions that are gone from the disk are forgotten', async t => {
    const loop = await LoopDisk.create(t)
    execFileSync('/usr/sbin/sgdisk', ['-n', '1:0:0', loop.node], { stdio: 'ignore' })
    execFileSync('/usr/bin/partx', ['--add', loop.node])
    t.strictSame((await shown(loop)).partitions, [`${loop.name}p1`])
    await disks.forgetPartitions(await shown(loop))
    t.strictSame((await shown(loop)).partitions, [])
  })
}

async function shown({ name }: LoopDisk): Promise<Disk> {
  return await diskNamed(name)
}

/** What is mounted there goes with the disk. */
function folderFor({ folder }: LoopDisk): string {
  const at = join(folder, 'mounted')
  mkdirSync(at)
  return at
}
