import { lstat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { t as file } from 'tap'
import { GATEWAY } from './driver-world.ts'
import { HELD, POOL, RANGE, requestEndpoint, requestPool, SUBNET } from './kill-scenarios.ts'
import { makeFolder, Plugin } from './process.ts'

file.setTimeout(180_000)

await file.test(
  'the plugin presents itself as the engine expects, before its state is read',
  async t => {
    const plugin = await Plugin.start(await makeFolder())
    t.teardown(() => plugin.remove())
    const answers = await Promise.all(
      ['Plugin.Activate', 'GetCapabilities', 'GetDefaultAddressSpaces'].map(method =>
        plugin.call(method),
      ),
    )
    t.strictSame(
      answers.map(({ body }) => body),
      [
        { Implements: ['IpamDriver'] },
        { RequiresMACAddress: true, RequiresRequestReplay: false },
        { LocalDefaultAddressSpace: 'berth', GlobalDefaultAddressSpace: 'berth' },
      ],
    )
  },
)

await file.test('only the owner may use its sockets', async t => {
  const plugin = await Plugin.start(await makeFolder())
  t.teardown(() => plugin.remove())
  await plugin.view('/healthz')
  for (const socket of ['ipam.sock', 'data/berth/ipam/admin.sock']) {
    const { mode } = await lstat(join(plugin.folder, socket))
    t.equal(mode & 0o777, 0o600, socket)
  }
})

await file.test(
  'each request is one line of JSON, with method, pool, address, outcome and duration',
  async t => {
    const plugin = await Plugin.start(await makeFolder())
    t.teardown(() => plugin.remove())
    await requestPool(plugin, SUBNET, RANGE)
    await requestEndpoint(plugin, HELD)
    await requestEndpoint(plugin, HELD)
    await plugin.call('ReleaseAddress', { PoolID: POOL, Address: HELD })
    await plugin.call('ReleasePool', { PoolID: POOL })
    await plugin.logged(({ method }) => method === 'IpamDriver.ReleasePool')
    const lines = plugin.log.filter(({ msg }) => msg === 'request')
    t.match(lines, [
      { method: 'IpamDriver.RequestPool', pool: POOL, outcome: 'ok', ms: Number },
      { method: 'IpamDriver.RequestAddress', pool: POOL, address: HELD, outcome: 'ok', ms: Number },
      { method: 'IpamDriver.RequestAddress', pool: POOL, outcome: 'address-in-use', why: HELD },
      { method: 'IpamDriver.ReleaseAddress', pool: POOL, address: HELD, outcome: 'ok', ms: Number },
      { method: 'IpamDriver.ReleasePool', pool: POOL, outcome: 'ok', ms: Number },
    ])
    t.equal(lines.length, 5, 'one line a request')
  },
)

await file.test('a request that is too long to be read is logged as well', async t => {
  const plugin = await Plugin.start(await makeFolder())
  t.teardown(() => plugin.remove())
  await plugin.post('IpamDriver.RequestPool', ' '.repeat(2 << 20))
  await plugin.call('GetCapabilities')
  await plugin.logged(({ method }) => method === 'IpamDriver.GetCapabilities')
  const lines = plugin.log.filter(({ msg }) => msg === 'request')
  t.equal(lines.length, 2, 'one line a request')
})

await file.test('an operator sees addresses and pools, and whether the plugin is well', async t => {
  const plugin = await Plugin.start(await makeFolder())
  t.teardown(() => plugin.remove())
  await requestPool(plugin, SUBNET, RANGE)
  await plugin.call('RequestAddress', { PoolID: POOL, Address: '', Options: GATEWAY })
  await requestEndpoint(plugin, HELD)
  t.strictSame(await plugin.view('/healthz'), { status: 200, body: { ok: true } })
  t.match((await plugin.view('/v1/addresses')).body, {
    addresses: [
      { segment: 'default', address: '192.0.2.1', state: 'shared', pools: [POOL] },
      { address: HELD, state: 'used', pool: POOL, hostName: 'testhost', mac: '02:42:c0:00:02:05' },
    ],
  })
  t.match((await plugin.view('/v1/pools')).body, {
    pools: [
      {
        segment: 'default',
        subnet: SUBNET,
        gateway: '192.0.2.1',
        cooldownMs: 60_000,
        hosts: ['testhost'],
        here: [{ id: POOL, state: 'joined', networks: 1 }],
      },
    ],
  })
  const { status, body } = await plugin.view('/v2/addresses')
  t.equal(status, 404)
  t.match(body['error'], /\/v2\/addresses.*\/v1\/addresses/, 'it says which views there are')
})

await file.test('a socket that a dead process left is taken over', async t => {
  const first = await Plugin.start(await makeFolder())
  await first.end('SIGKILL')
  t.ok(await lstat(join(first.folder, 'ipam.sock')), 'it is still there')
  const second = await Plugin.start(first.folder)
  t.teardown(() => second.remove())
  t.equal((await second.call('GetCapabilities')).status, 200)
})

await file.test('a socket that a living process serves is left to it', async t => {
  const folder = await makeFolder()
  const server = createServer().listen(join(folder, 'ipam.sock'))
  await once(server, 'listening')
  t.teardown(() => server.close())
  const plugin = Plugin.launch(folder, {})
  t.teardown(() => plugin.remove())
  t.not(await plugin.ended(), 0)
  t.match(plugin.errors, /Cannot listen at .*ipam\.sock: another process serves it/)
})

await file.test('a file that is no socket is left alone', async t => {
  const folder = await makeFolder()
  await writeFile(join(folder, 'ipam.sock'), 'precious')
  const plugin = Plugin.launch(folder, {})
  t.teardown(() => plugin.remove())
  t.not(await plugin.ended(), 0)
  t.match(plugin.errors, /Cannot listen at .*ipam\.sock: a file is there that is no socket/)
})
