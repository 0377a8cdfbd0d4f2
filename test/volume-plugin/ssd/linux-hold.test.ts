import { execFileSync } from 'node:child_process'
import { truncateSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import t from 'tap'
import type { Test } from 'tap'
import { diskNamed, held } from '../../disks/hold.ts'
import { LoopDisk, MIB, type LoopDiskOptions } from '../../disks/loop-disk.ts'
import { canUseDisks, whyNoDisks, whyNoVolatileDisks } from '../../disks/requirements.ts'
import { VolatileDisk } from '../../disks/volatile-disk.ts'
import type { Hold } from '../../../volume-plugin/ssd/disks.ts'
import { decodeSuperblock, SUPERBLOCK_BYTES } from '../../../volume-plugin/ssd/superblock.ts'

const UUID = '11111111-2222-4333-8444-555555555555'
const FORMAT = { uuid: UUID, label: 'berth-0a1b2c', force: false, options: [] }
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

/** Each takes a node, and leaves what is named first. */
const tools: readonly (readonly [string, string, readonly string[]])[] = [
  ['ext4', 'mkfs.ext4', ['-q', '-F']],
  ['xfs', 'mkfs.xfs', ['-q', '-K']],
  ['btrfs', 'mkfs.btrfs', ['-q']],
  ['swap', 'mkswap', ['-q']],
  ['gpt', 'sgdisk', ['-o']],
  ['LVM2_member', 'pvcreate', ['-q', '--config', 'devices{use_devicesfile=0}']],
]

t.setTimeout(5 * 60_000)

if (canUseDisks()) {
  await t.test('a blank disk has no signature and no content', async t => {
    for (const blockSize of [512, 4096] as const) {
      const hold = await heldLoop(t, { blockSize })
      t.strictSame(await hold.signatures(), [], `sectors of ${blockSize}`)
      t.equal(await hold.content(), undefined)
    }
  })

  await t.test('what a tool made is found, and the disk is not formatted', async t => {
    for (const [type, tool, args] of tools) {
      const loop = await LoopDisk.create(t)
      execFileSync(tool, [...args, loop.node], { stdio: 'ignore', env: { PATH } })
      const before = await loop.checksum()
      const hold = await held(t, await diskNamed(loop.name))
      const found = await hold.signatures()
      t.ok(found.includes(type), `${type}: ${found.join(', ')}`)
      t.ok((await hold.content()) !== undefined, `${type} is content`)
      await t.rejects(hold.format(FORMAT), { code: 'disk-not-blank' }, `no mkfs over ${type}`)
      t.equal(await loop.checksum(), before, `${type} is as it was`)
      t.ok((await hold.signatures()).includes(type), 'it is still held')
    }
  })

  await t.test('an old partition table is found', async t => {
    const loop = await LoopDisk.create(t)
    // One partition of Linux, from 1 MiB on, of 100 MiB.
    const partition = Buffer.from('0000000083000000' + '00080000' + '00200300', 'hex')
    await loop.write(446, Buffer.concat([partition, Buffer.alloc(48), Buffer.from('55aa', 'hex')]))
    const hold = await held(t, await diskNamed(loop.name))
    t.strictSame(await hold.signatures(), ['dos'])
    await t.rejects(hold.format(FORMAT), { code: 'disk-not-blank' })
  })

  await t.test('two file systems on one disk are several signatures', async t => {
    const loop = await LoopDisk.create(t)
    execFileSync('mkfs.btrfs', ['-q', loop.node], { env: { PATH } })
    const btrfs = await loop.read(65_536, 4096)
    execFileSync('mkfs.ext4', ['-q', '-F', loop.node], { env: { PATH } })
    await loop.write(65_536, btrfs)
    const hold = await held(t, await diskNamed(loop.name))
    const found = await hold.signatures()
    t.ok(found.includes('several signatures'), found.join(' '))
    t.ok(found.includes('btrfs') && found.includes('ext4'))
  })

  await t.test('data that no tool knows is found wherever it is', async t => {
    for (const at of [0, 100, MIB, 200 * MIB + 7, 512 * MIB - 1]) {
      const loop = await LoopDisk.create(t)
      await loop.write(at, Buffer.from('x'))
      const hold = await held(t, await diskNamed(loop.name))
      t.strictSame(await hold.signatures(), [], 'no tool says so')
      t.equal(await hold.content(), at)
      if (at >= 200 * MIB) t.equal(await hold.content(at + 1), undefined, 'but not behind it')
    }
  })

  await t.test('what is written behind the back of the kernel is seen', async t => {
    const loop = await LoopDisk.create(t)
    const disk = await diskNamed(loop.name)
    // The kernel keeps what it read for as long as anybody has the disk open.
    await using open = await openFile(loop.node, 'r')
    const first = await held(t, disk)
    t.equal(await first.content(), undefined)
    await first.release()
    t.ok(open.fd > 0)
    execFileSync('dd', [`of=${loop.file}`, 'bs=1M', 'seek=9', 'conv=notrunc', 'status=none'], {
      input: 'x',
      env: { PATH },
    })
    t.equal(await (await held(t, disk)).content(), 9 * MIB)
  })

  await t.test('a file system is made as asked, and the disk stays held', async t => {
    const loop = await LoopDisk.create(t)
    const disk = await diskNamed(loop.name)
    const hold = await held(t, disk)
    await hold.format({ ...FORMAT, options: ['-m', 'reflink=0'] })
    const superblock = decodeSuperblock(await hold.read(0, SUPERBLOCK_BYTES))
    t.match(superblock, { uuid: UUID, inProgress: false })
    t.strictSame(await hold.signatures(), ['xfs'])
    const printed = execFileSync('blkid', ['-p', '-o', 'export', loop.node], { env: { PATH } })
    t.match(printed.toString(), /^LABEL=berth-0a1b2c$/m)
    t.throws(() => execFileSync('wipefs', ['-a', loop.node], { env: { PATH }, stdio: 'ignore' }))
    await t.rejects(hold.format(FORMAT), { code: 'disk-not-blank' }, 'not twice')
    const other = '99999999-2222-4333-8444-555555555555'
    await hold.format({ ...FORMAT, uuid: other, force: true })
    t.match(decodeSuperblock(await hold.read(0, SUPERBLOCK_BYTES)), { uuid: other })
  })

  await t.test('the file system does not reach the mark before data does', async t => {
    const hold = await heldLoop(t)
    await hold.write(MIB, Buffer.alloc(4096, 'm'))
    t.strictSame(await hold.signatures(), [])
    await hold.format(FORMAT)
    t.ok((await hold.read(MIB, 4096)).equals(Buffer.alloc(4096, 'm')))
  })

  await t.test('a label that mkfs.xfs does not take fails, and the disk stays held', async t => {
    const hold = await heldLoop(t)
    await t.rejects(hold.format({ ...FORMAT, label: 'longer-than-twelve' }), /mkfs\.xfs of/)
    t.strictSame(await hold.signatures(), [])
  })

  await t.test('what is written is on the disk', async t => {
    const loop = await LoopDisk.create(t)
    const hold = await held(t, await diskNamed(loop.name))
    await hold.write(3 * MIB + 1, Buffer.from('hello'))
    t.equal((await hold.read(3 * MIB + 1, 5)).toString(), 'hello')
    t.equal((await loop.read(3 * MIB + 1, 5)).toString(), 'hello')
    await t.rejects(hold.write(512 * MIB - 2, Buffer.from('hello')), /Cannot write byte/)
    await t.rejects(hold.read(512 * MIB - 2, 5), /ends at byte/)
  })

  await t.test('discarding frees what is behind the head', async t => {
    const loop = await LoopDisk.create(t)
    await loop.write(0, Buffer.alloc(4 * MIB, 'x'))
    const hold = await held(t, await diskNamed(loop.name))
    t.equal(await hold.discard(2 * MIB), true)
    t.equal(await hold.content(2 * MIB), undefined)
    t.equal(await hold.content(), 0)
  })

  await t.test('a disk that was let go is neither read nor written', async t => {
    const hold = await heldLoop(t)
    await hold.release()
    await t.rejects(hold.read(0, 1), /no longer held/)
    await t.rejects(hold.write(0, Buffer.alloc(1)), /no longer held/)
    await t.rejects(hold.signatures(), /no longer held/)
    await t.rejects(hold.format(FORMAT), /no longer held/)
    await t.rejects(hold.discard(0), /no longer held/)
  })

  await t.test('a disk that died looks blank to the tools, and is not', async t => {
    const loop = await LoopDisk.create(t)
    const hold = await held(t, await diskNamed(loop.name))
    truncateSync(loop.file, 0)
    await t.rejects(hold.signatures(), /Cannot read byte 0/)
    await t.rejects(hold.content(), /Cannot read byte 0/)
  })
}

if (whyNoDisks() === undefined && canUseDisks(whyNoVolatileDisks())) {
  await t.test('an error of the disk is an error, of whatever is done', async t => {
    const disk = await VolatileDisk.create(t)
    const hold = await held(t, await diskNamed(disk.loop.name))
    await disk.eio()
    await t.rejects(hold.read(0, 4096), { code: 'EIO' })
    await t.rejects(hold.write(MIB, Buffer.alloc(4096)), { code: 'EIO' })
    await t.rejects(hold.signatures(), { code: 'EIO' })
    await t.rejects(hold.content(), { code: 'EIO' })
    await t.rejects(hold.format(FORMAT))
  })

  await t.test('what write() and format() have done survives a power cut', async t => {
    const disk = await VolatileDisk.create(t)
    const hold = await held(t, await diskNamed(disk.loop.name))
    await hold.write(MIB, Buffer.from('marked'))
    await hold.format(FORMAT)
    await disk.crash()
    await hold.release()
    await disk.powerUp()
    t.equal((await disk.loop.read(MIB, 6)).toString(), 'marked')
    const superblock = decodeSuperblock(await disk.loop.read(0, SUPERBLOCK_BYTES))
    t.match(superblock, { uuid: UUID, inProgress: false })
  })
}

async function heldLoop(t: Test, options: LoopDiskOptions = {}): Promise<Hold> {
  const { name } = await LoopDisk.create(t, options)
  return await held(t, await diskNamed(name))
}
