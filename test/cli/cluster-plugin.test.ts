import { existsSync, globSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { run } from '../engine/lab/run.ts'
import { until } from '../engine/lab/until.ts'
import { Etcd } from '../etcd/etcd.ts'
import { makeFolder, Plugin } from '../ipam-plugin/process.ts'
import { canHaveFiles, FilesWorld } from '../volume-plugin/cluster/files/world.ts'
import { World } from './world.ts'

t.setTimeout(300_000)

const MAIN = fileURLToPath(new URL('../../volume-plugin/main.ts', import.meta.url))
const DEADLINE_MS = 60_000

if (canHaveFiles(t)) {
  await t.test(
    'a file system is prepared, and a removed volume is brought back and wiped',
    async t => {
      const files = await FilesWorld.open(t)
      const { plugin, world } = await startHost(t, files, 'rack1-01')
      t.match(await world.berth('cluster'), { out: /^STATE +degraded$.*berth cluster init/ms })
      t.match(await world.berth('cluster', 'init', '--yes'), { code: 0, out: /from now on/ })
      t.match(await world.berth('cluster', 'init', '--yes'), {
        code: 0,
        out: /nothing was changed/,
      })
      t.match(await world.berth('cluster'), {
        out: /^STATE +ready$.*^ID +([0-9a-f]{32})\nKNOWN AS +\1$/ms,
      })
      t.match(await world.berth('volume', 'ls'), { code: 0, out: /^There is no volume in the cl/ })

      t.match(await plugin.call('VolumeDriver.Create', { Name: 'web', Opts: { mode: '0750' } }), {
        status: 200,
      })
      t.match(await plugin.call('VolumeDriver.Mount', { Name: 'web', ID: 'c1' }), { status: 200 })
      const [data = ''] = globSync(join(files.source, 'volumes/web.*'))
      await writeFile(join(data, 'page'), 'hello')
      t.match(await world.berth('volume', 'ls'), {
        out: /^web +ready +shared +volumes\/web\.[0-9a-f]{8} +rack1-01 +taken, 1 mount +-$/m,
      })
      t.match(await world.berth('volume', 'inspect', 'web'), {
        out: /^USED BY +rack1-01, this host \(.*^MOUNTS +c1 × 1$.*^OPTIONS +mode=0750$/ms,
      })
      t.match(await world.berth('volume', 'wipe', 'web', '--yes'), {
        code: 1,
        err: /docker volume rm/,
      })
      await plugin.call('VolumeDriver.Unmount', { Name: 'web', ID: 'c1' })
      t.match(await plugin.call('VolumeDriver.Remove', { Name: 'web' }), { status: 200 })
      t.match(await world.berth('volume', 'ls'), { out: /^web +parked .* kept [67] d more$/m })
      t.notOk(existsSync(data))

      t.match(await world.berth('volume', 'restore', 'web'), { code: 0, out: /^web is back/ })
      const [back = ''] = globSync(join(files.source, 'volumes/web.*'))
      t.ok(existsSync(join(back, 'page')))
      t.match(await plugin.call('VolumeDriver.Remove', { Name: 'web' }), { status: 200 })
      t.match(await world.berth('volume', 'wipe', 'web', '--yes'), {
        code: 0,
        out: /is being wiped/,
      })
      await shown(world, ['volume', 'ls'], /^There is no volume in the cluster/)
    },
  )

  await t.test('doctor agrees with the plugin, and sees what is wrong before it', async t => {
    const files = await FilesWorld.open(t)
    const { world } = await startHost(t, files, 'rack1-01')
    await world.berth('cluster', 'init', '--yes')
    const doctor = ['doctor', '--source', dirname(files.root), '--fstype', 'fuse']
    t.match(await world.berth(...doctor), {
      out: /^berth cluster init .* ok +id [0-9a-f]{32}\nThe plugin can use it +ok +it can$/m,
    })
    await files.unmount()
    t.match(await world.berth(...doctor), {
      code: 1,
      out: /is mounted +wrong .*^The plugin can use it +wrong +Nothing is mounted on /ms,
    })
  })

  await t.test(
    'an exclusive volume is taken from a host that is dead, which finds out when it is back',
    async t => {
      const files = await FilesWorld.open(t)
      const etcd = await Etcd.start(t)
      const settings = { ETCD_ENDPOINTS: etcd.urls.join(',') }
      const first = await startHost(t, files, 'rack1-01', settings)
      t.match(await first.world.berth('cluster', 'init', '--yes'), { code: 0 })
      const second = await startHost(t, files, 'rack1-02', settings)
      await shown(second.world, ['cluster'], /^STATE +ready$/m)
      const opts = { Name: 'queue', Opts: { access: 'exclusive' } }
      t.match(await first.plugin.call('VolumeDriver.Create', opts), { status: 200 })
      t.match(await second.plugin.call('VolumeDriver.Mount', { Name: 'queue', ID: 'c2' }), {
        status: 200,
      })
      const mine = { Name: 'queue', ID: 'c1' }
      t.match(await first.plugin.call('VolumeDriver.Mount', mine), {
        body: { Err: /rack1-02 has it since/ },
      })
      await second.plugin.end('SIGKILL')

      t.match(await first.world.berth('volume', 'break-lock', 'queue', '--yes'), {
        code: 0,
        out: /^queue is taken from rack1-02/,
      })
      t.match(await first.plugin.call('VolumeDriver.Mount', mine), { status: 200 })
      const back = await startHost(t, files, 'rack1-02', settings, second.folder)
      await shown(
        back.world,
        ['volume', 'ls'],
        /^queue +ready +exclusive .* rack1-01 +lost, 1 mount/m,
      )
      t.match(await back.world.berth('volume', 'ls'), {
        err: /^Taken from this host, .*: queue\. Stop/m,
      })
      t.match(await back.world.berth('volume', 'inspect', 'queue'), {
        out: /^BROKEN +taken from rack1-02/m,
      })
      await first.plugin.call('VolumeDriver.Unmount', mine)
    },
  )
}

async function startHost(
  t: Test,
  files: FilesWorld,
  name: string,
  more: Readonly<Record<string, string>> = {},
  its?: string,
) {
  const folder = its ?? (await makeFolder())
  const mounts = join(folder, 'mounts')
  const settings = {
    MODE: 'cluster',
    HOST_NAME: name,
    CLUSTER_ROOT: files.root,
    CLUSTER_FSTYPE: 'fuse',
    MOUNT_ROOT: mounts,
    ...more,
  }
  const plugin = await Plugin.start(folder, { main: MAIN, settings })
  t.teardown(async () => {
    await plugin.end('SIGKILL')
    const left = (await files.binds.mounted()).filter(at => at.startsWith(`${mounts}/`))
    for (const at of left) await files.binds.detach(at)
    if (existsSync(mounts)) await run('chattr', ['-R', '-i', mounts])
    await plugin.remove()
  })
  const socket = join(folder, 'data/berth/cluster/admin.sock')
  return { folder, plugin, world: World.at(socket, 'BERTH_CLUSTER_SOCKET') }
}

/** Once it has come to that. */
async function shown(world: World, args: readonly string[], wanted: RegExp) {
  await until(`${args.join(' ')} to show ${wanted}`, DEADLINE_MS, async () =>
    wanted.test((await world.berth(...args)).out),
  )
}
