import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as v from '@badrap/valita'
import { t as file } from 'tap'
import type { Test } from 'tap'
import { LoopDisk, MIB } from '../disks/loop-disk.ts'
import type { LoopDiskOptions } from '../disks/loop-disk.ts'
import { canUseDisks } from '../disks/requirements.ts'
import { run } from '../engine/lab/run.ts'
import { pluginFolder, requireOk, VolumePlugin } from './process.ts'

file.setTimeout(300_000)
file.jobs = 3

const sizeOf = (mib: number): LoopDiskOptions => ({ size: mib * MIB })

if (canUseDisks()) {
  void file.test('the smallest disk that is large enough is taken', async t => {
    const plugin = await pluginWith(t, [512, 320, 400].map(sizeOf))
    requireOk(await plugin.create('middle', { size: '350MiB' }))
    t.equal((await plugin.volume('middle')).Status.bytes, 400 * MIB)
    requireOk(await plugin.create('any'))
    t.equal((await plugin.volume('any')).Status.bytes, 320 * MIB)
    t.match(await plugin.create('large', { size: '600MiB' }), {
      status: 500,
      body: {
        Err: /disk of at least 600\.0 MiB \(629\.1 MB\)\. Passed over: .*512\.0 MiB \(536\.9 MB\)/,
      },
    })
    requireOk(await plugin.create('fits', { size: '512MiB' }))
  })

  void file.test('a disk is asked for by what it is labelled', async t => {
    const disks = await disksOf(t, [320, 330].map(sizeOf))
    const plugin = await VolumePlugin.start(t, await pluginFolder(t), { disks })
    const refusal = { status: 500, body: { Err: /with zone=b\. .*it has no label zone/ } }
    t.match(await plugin.create('data', { require: 'zone=b' }), refusal)
    for (const [index, zone] of ['a', 'b'].entries()) {
      const order = { set: { zone }, remove: [] }
      await plugin.admin.post(`/v1/disks/${disks[index]?.name}/labels`, v.unknown(), order)
    }
    t.match(await plugin.create('none', { require: 'zone=c' }), {
      status: 500,
      body: { Err: /zone is a, not c.*zone is b, not c/ },
    })
    t.match(await plugin.create('none', { require: 'zone=a,class=nvme' }), {
      status: 500,
      body: { Err: /class is loop, not nvme/ },
    })
    requireOk(await plugin.create('data', { require: 'zone=b,class=loop,rotational=0' }))
    t.equal((await plugin.volume('data')).Status.disk.device, disks[1]?.name)
  })

  void file.test('a disk with sectors of 4096 bytes is as good as any', async t => {
    const plugin = await pluginWith(t, [{ size: 320 * MIB, blockSize: 4096 }])
    requireOk(await plugin.create('data'))
    t.match(await xfsOf(await plugin.mount('data', '1')), /meta-data=.* sectsz=4096/s)
  })

  void file.test('a file system is made and mounted as asked', async t => {
    const plugin = await pluginWith(t, [sizeOf(512)])
    const mkfs = 'reflink=0,agcount=3,isize=1024'
    requireOk(await plugin.create('data', { mkfs, mount: 'lazytime,logbufs=4,allocsize=64k' }))
    const root = await plugin.mount('data', '1')
    const made = await xfsOf(root)
    for (const says of [/reflink=0/, /agcount=3,/, /isize=1024/]) t.match(made, says)
    for (const option of ['lazytime', 'logbufs=4', 'allocsize=64k']) {
      t.ok((await optionsOf(root)).includes(option), option)
    }
  })

  void file.test(
    'a file system is mounted without access times, devices or the rights of others',
    async t => {
      const plugin = await pluginWith(t, [sizeOf(320)])
      requireOk(await plugin.create('data'))
      const root = await plugin.mount('data', '1')
      for (const option of ['noatime', 'nodev', 'nosuid']) {
        t.ok((await optionsOf(root)).includes(option), option)
      }
      t.match(await xfsOf(root), /crc=1.*reflink=1/s)
    },
  )

  void file.test('the root of a volume is an empty folder, owned as asked', async t => {
    const plugin = await pluginWith(t, [sizeOf(320)])
    requireOk(await plugin.create('data', { uid: '999', gid: '4294967294', mode: '2750' }))
    const root = await plugin.mount('data', '1')
    t.match(await stat(root), { uid: 999, gid: 4294967294 })
    t.equal((await stat(root)).mode & 0o7777, 0o2750)
    t.strictSame(await readdir(root), [], 'no lost+found, nor anything else: images copy theirs')
    t.equal((await stat(root)).dev, (await stat(dirname(root))).dev, 'below that of its disk')
    t.equal((await stat(dirname(root))).mode & 0o777, 0o711, 'others pass through it')
  })

  void file.test('a root of which nothing is asked is left to the image', async t => {
    const plugin = await pluginWith(t, [sizeOf(320)])
    requireOk(await plugin.create('data'))
    const root = await plugin.mount('data', '1')
    t.match(await stat(root), { uid: 0, gid: 0 })
    t.equal((await stat(root)).mode & 0o7777, 0o755)
  })

  void file.test('below the mount nobody writes', async t => {
    const plugin = await pluginWith(t, [sizeOf(320)])
    requireOk(await plugin.create('data'))
    const root = await plugin.mount('data', '1')
    const below = join(plugin.folder, 'below')
    await mkdir(below)
    await run('mount', ['--bind', '--', join(plugin.folder, 'mounts'), below])
    t.teardown(async () => void (await run('umount', ['--', below])))
    const [claim = ''] = (await readdir(below)).filter(name => !name.startsWith('.'))
    t.equal(join(plugin.folder, 'mounts', claim), dirname(root))
    t.equal((await stat(join(below, claim))).mode & 0o777, 0)
    if (await canBeImmutable(plugin.folder)) {
      await t.rejects(mkdir(join(below, claim, 'data')), { code: 'EPERM' }, 'not even root')
    }
  })
}

async function disksOf(t: Test, options: readonly LoopDiskOptions[]): Promise<LoopDisk[]> {
  return await Promise.all(options.map(async each => await LoopDisk.create(t, each)))
}

async function pluginWith(t: Test, options: readonly LoopDiskOptions[]): Promise<VolumePlugin> {
  const disks = await disksOf(t, options)
  return await VolumePlugin.start(t, await pluginFolder(t), { disks })
}

const xfsOf = async (root: string): Promise<string> => await run('xfs_info', [dirname(root)])

async function optionsOf(root: string): Promise<readonly string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
  const fields = lines.find(line => line.split(' ')[4] === dirname(root))?.split(' ') ?? []
  return [fields[5], fields.at(-1)].flatMap(options => options?.split(',') ?? [])
}

async function canBeImmutable(folder: string): Promise<boolean> {
  const at = join(folder, 'immutable')
  await mkdir(at)
  try {
    await run('chattr', ['+i', at])
    await run('chattr', ['-i', at])
    return true
  } catch {
    return false
  }
}
