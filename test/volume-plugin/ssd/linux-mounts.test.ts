import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, openSync, closeSync, rmSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { FakeSysfs } from '../../disks/fake-sysfs.ts'
import { diskNamed } from '../../disks/hold.ts'
import { LoopDisk, type LoopDiskOptions } from '../../disks/loop-disk.ts'
import { canUseDisks } from '../../disks/requirements.ts'
import { LinuxMounts } from '../../../volume-plugin/ssd/linux-mounts.ts'
import { makeMountPoint, removeMountPoint } from '../../../volume-plugin/mount-point.ts'

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin'
const mounts = new LinuxMounts({})
t.setTimeout(5 * 60_000)

if (canUseDisks()) {
  await t.test('a disk is mounted with what every volume has, and unmounted', async t => {
    const loop = await formatted(t)
    const at = mountPoint(t)
    await mounts.mount(await diskNamed(loop.name), at, ['logbsize=256k'])
    const found = (await mounts.list()).find(each => each.at === at)
    t.strictSame(found, { at, device: loop.device, type: 'xfs', isReadOnly: false })
    const options = execFileSync('findmnt', ['-no', 'OPTIONS', at], { env: { PATH } }).toString()
    for (const each of ['noatime', 'nodev', 'nosuid', 'logbsize=256k']) t.match(options, each)
    t.equal(await mounts.unmount(at), 'unmounted')
    t.equal(await mounts.unmount(at), 'not-mounted')
    t.notOk((await mounts.list()).some(each => each.at === at))
  })

  await t.test('a file system in use is not unmounted', async t => {
    const loop = await formatted(t)
    const at = mountPoint(t)
    await mounts.mount(await diskNamed(loop.name), at, [])
    await writeFile(join(at, 'file'), '')
    const file = openSync(join(at, 'file'), 'r')
    t.equal(await mounts.unmount(at), 'busy')
    closeSync(file)
    t.equal(await mounts.unmount(at), 'unmounted')
  })

  await t.test('nothing is mounted over something else', async t => {
    const [one, two] = [await formatted(t), await formatted(t)]
    const at = mountPoint(t)
    await mounts.mount(await diskNamed(one.name), at, [])
    const again = mounts.mount(await diskNamed(two.name), at, [])
    await t.rejects(again, { code: 'not-mounted', message: /is mounted on/ })
    t.equal(await mounts.unmount(at), 'unmounted')
  })

  await t.test('a disk without a whole XFS is not mounted', async t => {
    const at = mountPoint(t)
    const refused = { code: 'not-mounted' }
    const blank = await LoopDisk.create(t)
    await t.rejects(mounts.mount(await diskNamed(blank.name), at, []), refused)
    execFileSync('mkfs.ext4', ['-q', blank.node], { env: { PATH } })
    await t.rejects(mounts.mount(await diskNamed(blank.name), at, []), refused, 'ext4')
    const half = await formatted(t)
    await half.write(126, Buffer.from([1]))
    await t.rejects(mounts.mount(await diskNamed(half.name), at, []), refused, 'mkfs in progress')
    t.notOk((await mounts.list()).some(each => each.at === at))
  })

  await t.test('what can only be read is unmounted again', async t => {
    const writable = await formatted(t)
    await writable.detach()
    const loop = await LoopDisk.create(t, { file: writable.file, readOnly: true })
    const at = mountPoint(t)
    await t.rejects(mounts.mount(await diskNamed(loop.name), at, []), {
      code: 'not-mounted',
      message: /read-only/,
    })
    t.notOk((await mounts.list()).some(each => each.at === at))
  })

  await t.test('another disk under the same name is not mounted', async t => {
    const loop = await formatted(t)
    const before = await diskNamed(loop.name)
    const other = await formatted(t)
    await loop.detach()
    await other.detach()
    await loop.attach(other.file)
    const at = mountPoint(t)
    await t.rejects(mounts.mount(before, at, []), /another disk by now/)
  })

  await t.test('a node that is of another device is unmounted again', async t => {
    const [one, two] = [await formatted(t), await formatted(t)]
    const fake = FakeSysfs.create(t)
    fake.show(one, 'sdy')
    const disk = await diskNamed('sdy', fake)
    execFileSync('rm', [disk.node], { env: { PATH } })
    execFileSync('mknod', [disk.node, 'b', ...two.device.split(':')], { env: { PATH } })
    const at = mountPoint(t)
    const mounting = new LinuxMounts(fake).mount(disk, at, [])
    await t.rejects(mounting, { code: 'not-mounted', message: /is there, not/ })
    t.notOk((await mounts.list()).some(each => each.at === at))
  })

  await t.test('nobody writes below a mount point on which nothing is mounted', async t => {
    const at = join(mountPoint(t), 'point')
    await makeMountPoint(at)
    await makeMountPoint(at)
    t.equal(statSync(at).mode & 0o777, 0)
    if (isImmutable(at)) await t.rejects(writeFile(join(at, 'file'), ''), { code: 'EPERM' })
    await removeMountPoint(at)
    await removeMountPoint(at)
    t.notOk(existsSync(at))
  })

  await t.test('a mount point with something in it, or on it, stays', async t => {
    const at = join(mountPoint(t), 'point')
    mkdirSync(at)
    await writeFile(join(at, 'precious'), '')
    await t.rejects(removeMountPoint(at), { code: 'ENOTEMPTY' })
    t.ok(existsSync(join(at, 'precious')))
    const loop = await formatted(t)
    await mounts.mount(await diskNamed(loop.name), at, [])
    await t.rejects(removeMountPoint(at), /Something is mounted/)
    await t.rejects(makeMountPoint(at), /Something is mounted/)
    t.equal(await mounts.unmount(at), 'unmounted')
    execFileSync('chattr', ['-i', at], { env: { PATH } })
  })
}

async function formatted(t: Test, options: LoopDiskOptions = {}): Promise<LoopDisk> {
  const loop = await LoopDisk.create(t, options)
  execFileSync('mkfs.xfs', ['-q', '-K', loop.node], { env: { PATH } })
  await loop.flush()
  return loop
}

/** A folder that goes with the test, with whatever is still mounted on it. */
function mountPoint(t: Test): string {
  const at = mkdtempSync(join(tmpdir(), 'berth-mount-'))
  t.teardown(async () => {
    await mounts.unmount(at)
    await removeMountPoint(at).catch(() => rmSync(at, { recursive: true, force: true }))
  })
  return at
}

function isImmutable(at: string): boolean {
  const printed = execFileSync('lsattr', ['-d', at], { env: { PATH } }).toString()
  return printed.split(' ')[0]?.includes('i') ?? false
}
