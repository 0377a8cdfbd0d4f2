import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { LoopDisk } from '../disks/loop-disk.ts'
import { canUseDisks } from '../disks/requirements.ts'
import { run } from '../engine/lab/run.ts'
import { until } from '../engine/lab/until.ts'
import { makeFolder, Plugin } from '../ipam-plugin/process.ts'
import { World } from './world.ts'

t.setTimeout(300_000)

const MAIN = fileURLToPath(new URL('../../volume-plugin/main.ts', import.meta.url))
const DEADLINE_MS = 60_000

if (canUseDisks()) {
  await t.test('a removed volume is brought back, and wiped', async t => {
    const { disk, plugin, world } = await startHost(t)
    await shown(world, ['disks'], line(disk, 'free'))
    t.match(await world.berth('volume', 'ls'), { code: 0, out: /^There is no volume/ })
    await create(t, plugin)
    await shown(world, ['disks'], line(disk, 'claimed', 'it is the volume db'))
    await shown(
      world,
      ['volume', 'ls'],
      new RegExp(`^db +ready +512\\.0 MiB +${disk.name} +0 +-$`, 'm'),
    )
    t.match(await world.berth('volume', 'inspect', 'db'), {
      code: 0,
      out: /^XFS UUID +[-0-9a-f]{36}$/m,
    })
    t.match(await world.berth('volume', 'wipe', 'db', '--yes'), {
      code: 1,
      err: /docker volume rm/,
    })
    t.match(await world.berth('volume', 'forget', 'db', '--yes'), { code: 1, err: /disk is there/ })

    await remove(t, plugin)
    await shown(world, ['volume', 'ls'], /^db +parked .* kept [67] d more$/m)
    t.match(await world.berth('volume', 'restore', 'db'), { code: 0, out: /^db is back/ })
    t.match(await plugin.call('VolumeDriver.Get', { Name: 'db' }), { status: 200 })

    await remove(t, plugin)
    t.match(await world.berth('volume', 'wipe', 'db', '--yes'), { code: 0, out: /is being wiped/ })
    await shown(world, ['volume', 'ls'], /^There is no volume/)
    await shown(world, ['disks'], line(disk, 'free'))
  })

  await t.test('labels are kept with the disk', async t => {
    const { disk, world } = await startHost(t)
    t.match(await world.berth('disk', 'label', disk.name, 'tier=fast', 'class=nvme'), {
      code: 0,
      out: /^class +nvme$.*^tier +fast$/ms,
    })
    t.match(await world.berth('disk', 'label', disk.node, 'class-'), { out: /^class +loop$/m })
    t.match(await world.berth('disk', 'label', disk.name), { out: /^tier +fast$/m })
    t.match(await world.berth('disk', 'label', disk.name, 'Tier=x'), { code: 1, err: /Tier/ })
  })

  await t.test('a disk with data is wiped by whoever types its backing file', async t => {
    const { disk, world } = await startHost(t)
    await disk.write(300 * 1024 * 1024, Buffer.from('somebody needs this'))
    await shown(world, ['disks'], line(disk, 'used', 'it is not blank: .*'))
    const before = await disk.checksum()
    t.match(await world.berth('disk', 'wipe', disk.name, '--serial', disk.name), { code: 1 })
    t.match(await world.berthAtTerminal('yes\n', 'disk', 'wipe', disk.name), { code: 1 })
    t.equal(await disk.checksum(), before, 'nothing is written')
    t.match(await world.berthAtTerminal(`${disk.file}\n`, 'disk', 'wipe', disk.name), {
      code: 0,
      out: /FOUND +it is not blank: .*Type its backing file.*is being wiped/s,
    })
    await shown(world, ['disks'], line(disk, 'free'))
  })

  await t.test('a volume that comes from another host is adopted', async t => {
    const { disk, plugin } = await startHost(t)
    await create(t, plugin)
    await plugin.end('SIGTERM')
    const { world } = await startHost(t, disk)
    await shown(
      world,
      ['disks'],
      line(disk, 'orphan', `it is the volume db, .* adopt ${disk.name}`),
    )
    t.match(await world.berth('volume', 'adopt', disk.node), {
      code: 0,
      out: new RegExp(`^db, on ${disk.name}, is a volume of this host now`),
    })
    await shown(world, ['volume', 'ls'], /^db +ready /m)
  })
}

async function startHost(t: Test, its?: LoopDisk) {
  const disk = its ?? (await LoopDisk.create(t))
  const folder = await makeFolder()
  const state = join(folder, 'data', 'berth', 'ssd')
  const mounts = join(folder, 'mounts')
  const settings = { SSD_DEVICES: disk.node, SSD_ALLOW_LOOP: '1', MOUNT_ROOT: mounts }
  const plugin = await Plugin.start(folder, { main: MAIN, settings })
  t.teardown(async () => {
    await plugin.end('SIGKILL')
    // Nobody may write to a folder on which a file system is to be mounted, or remove it.
    const immutable = [mounts, join(state, 'peek')].filter(path => existsSync(path))
    if (immutable.length > 0) await run('chattr', ['-R', '-i', ...immutable])
    await plugin.remove()
  })
  const socket = join(state, 'admin.sock')
  return { disk, plugin, world: World.at(socket, 'BERTH_VOLUME_SOCKET') }
}

async function create(t: Test, plugin: Plugin) {
  t.match(await plugin.call('VolumeDriver.Create', { Name: 'db' }), { status: 200 })
}

async function remove(t: Test, plugin: Plugin) {
  t.match(await plugin.call('VolumeDriver.Remove', { Name: 'db' }), { status: 200 })
}

function line({ name }: LoopDisk, state: string, why = '-'): RegExp {
  return new RegExp(`^${name} +${state} +512\\.0 MiB +loop .* ${why}$`, 'm')
}

/** Once it has come to that. */
async function shown(world: World, args: readonly string[], wanted: RegExp) {
  await until(`${args.join(' ')} to show ${wanted}`, DEADLINE_MS, async () =>
    wanted.test((await world.berth(...args)).out),
  )
}
