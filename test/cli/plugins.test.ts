import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { Etcd } from '../etcd/etcd.ts'
import { makeFolder, Plugin } from '../ipam-plugin/process.ts'
import { World } from './world.ts'

t.setTimeout(180_000)

const SUBNET = '192.0.2.0/29'
const POOL = `default~${SUBNET}~-`
const HELD = '192.0.2.3'

await t.test('a host that keeps its addresses for itself', async t => {
  const { plugin, world } = await startHost(t, await makeFolder(), 'rack1-01')
  await joinPool(plugin)
  await claim(plugin)
  t.match(await world.berth('pools'), { code: 0, out: /^default +192\.0\.2\.0\/29 .* 1 network$/m })
  t.match(await world.berth('addresses'), {
    code: 0,
    out: /^default +192\.0\.2\.3 +used +rack1-01/m,
  })
  t.match(await world.berth('hosts'), { code: 0, out: /^rack1-01 \(this host\) +active/m })
  t.match(await world.berth('status'), { code: 0, out: /^STATE +serving$/m })
  t.match(await world.berth('host', 'evict', 'rack1-01', '--yes'), {
    code: 1,
    err: /the host itself/,
  })
})

await t.test(
  'two hosts on one etcd: one dies, is evicted, and returns without its address',
  async t => {
    const etcd = await Etcd.start(t)
    const settings = { ETCD_ENDPOINTS: etcd.urls.join(',') }
    const { plugin: first, world } = await startHost(t, await makeFolder(), 'rack1-01', settings)
    const folder = await makeFolder()
    const { plugin: second } = await startHost(t, folder, 'rack1-02', settings)
    for (const plugin of [first, second]) {
      await joinPool(plugin)
    }
    await claim(second)
    t.match(await world.berth('pools'), { out: / rack1-0\d, rack1-0\d +1 network$/m })
    await shown(world, 'hosts', /^rack1-02 +active +(\d+ s ago|just now) /m)

    await second.end('SIGKILL')
    const evict = ['host', 'evict', 'rack1-02', '--yes']
    t.match(await world.berth(...evict), { code: 1, err: /rack1-02 was seen .* --force/ })
    t.match(await world.berth(...evict, '--force'), {
      code: 0,
      out: /: 1 address and 1 pool were taken/,
    })
    t.match(await world.berth('hosts'), { out: /^rack1-02 +evicted /m })
    t.match(await world.berth('addresses'), {
      out: /^default +192\.0\.2\.3 +idle .* rests \d+ s more$/m,
    })
    await claim(first)
    t.match(await world.berth('addresses', '--host', 'rack1-01'), {
      out: /^default +192\.0\.2\.3 +used/m,
    })

    const { world: returned } = await startHost(t, folder, 'rack1-02', settings)
    const lost = await shown(returned, 'status', /^STATE +serving$/m)
    t.match(lost, /^LOST +1 address$/m)
    t.match(lost, new RegExp(`^default +192\\.0\\.2\\.3 +${POOL}$`, 'm'))

    t.match(await world.berth('recover', '--yes'), { code: 0, out: /The recovery is over/ })
    await shown(world, 'status', /^STATE +serving$/m)
    t.match(await world.berth('addresses'), { out: /^default +192\.0\.2\.3 +used +rack1-01/m })
  },
)

async function startHost(
  t: Test,
  folder: string,
  name: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<{ plugin: Plugin; world: World }> {
  const plugin = await Plugin.start(folder, { settings: { HOST_NAME: name, ...settings } })
  t.teardown(() => plugin.remove())
  await plugin.view('/healthz')
  return { plugin, world: World.at(join(folder, 'data/berth/ipam/admin.sock')) }
}

async function joinPool(plugin: Plugin): Promise<void> {
  const pool = { AddressSpace: 'berth', Pool: SUBNET, SubPool: '', Options: {}, V6: false }
  await plugin.call('RequestPool', pool)
}

async function claim(plugin: Plugin): Promise<void> {
  const { status, body } = await plugin.call('RequestAddress', {
    PoolID: POOL,
    Address: HELD,
    Options: { 'com.docker.network.endpoint.macaddress': '02:42:c0:00:02:03' },
  })
  if (status !== 200) throw new Error(`${HELD} was refused: ${JSON.stringify(body)}`)
}

/** What `berth` shows as soon as `wanted` is in it. */
async function shown(world: World, command: string, wanted: RegExp): Promise<string> {
  for (const started = performance.now(); ; await sleep(200)) {
    const { out } = await world.berth(command)
    if (wanted.test(out)) return out
    if (performance.now() - started > 60_000) throw new Error(`berth ${command} shows: ${out}`)
  }
}
