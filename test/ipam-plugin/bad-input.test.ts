import { t as file } from 'tap'
import type { Test } from 'tap'
import { BAD_REQUESTS, POOL, SUBNET, WORLD } from './bad-requests.ts'
import { GATEWAY, MAC } from './driver-world.ts'
import { makeFolder, Plugin } from './process.ts'

file.setTimeout(120_000)

const TEXTS = [
  { name: 'malformed JSON', text: '{"PoolID":' },
  { name: 'no JSON at all', text: 'RequestAddress please' },
  { name: 'half a character', text: '{"PoolID":"\uD800' },
  { name: "the engine's retry without its body", text: '' },
  { name: 'more than any request needs', text: ' '.repeat(2 << 20) },
]

await file.test('every bad request gets a sentence that helps, and changes nothing', async t => {
  const plugin = await preparedPlugin(t)
  const before = await state(plugin)
  for (const { name, method, body, says } of BAD_REQUESTS) {
    const { status, body: answer } = await plugin.call(method, body)
    t.equal(status, 500, `${name} is refused`)
    for (const word of says) t.match(answer['Err'], word, `${name}: it says ${word}`)
    t.strictSame(await state(plugin), before, `${name} changes nothing`)
  }
  await serves(t, plugin)
})

await file.test('a body that is no request gets an error, and allocates nothing', async t => {
  const plugin = await preparedPlugin(t)
  const before = await state(plugin)
  for (const method of ['RequestAddress', 'RequestPool', 'ReleaseAddress', 'ReleasePool']) {
    for (const { name, text } of TEXTS) {
      const { status, body } = await plugin.post(`IpamDriver.${method}`, text)
      t.ok(status >= 400, `${name} to ${method} is an error`)
      t.match(body['Err'], /^Cannot read the request/, `${name} to ${method}: it says so`)
      t.strictSame(await state(plugin), before, `${name} to ${method} changes nothing`)
    }
  }
  await serves(t, plugin)
})

await file.test('releases of what is not held are granted, and change nothing', async t => {
  const plugin = await preparedPlugin(t)
  const before = await state(plugin)
  const bodies = [
    { PoolID: POOL, Address: '192.0.2.3' },
    { PoolID: POOL, Address: WORLD.gateway },
    { PoolID: 'default~203.0.113.0/24~-', Address: '203.0.113.9' },
    { PoolID: `default~${SUBNET}~192.0.2.0/30`, Address: WORLD.used },
  ]
  for (const body of bodies) {
    const { status } = await plugin.call('ReleaseAddress', body)
    t.equal(status, 200, `the release of ${body.Address} in ${body.PoolID}`)
    t.strictSame(await state(plugin), before, 'changes nothing')
  }
  t.equal((await plugin.call('ReleasePool', { PoolID: 'lan' })).status, 200)
  t.strictSame(await state(plugin), before)
  await serves(t, plugin)
})

await file.test('a full pool is refused, saying which', async t => {
  const plugin = await preparedPlugin(t)
  const request = { PoolID: POOL, Address: '', Options: { [MAC]: '02:42:c0:00:02:09' } }
  for (let i = 0; i < 3; i++) await plugin.call('RequestAddress', request)
  const { status, body } = await plugin.call('RequestAddress', request)
  t.equal(status, 500)
  t.match(body['Err'], /192\.0\.2\.0\/29.*Remove containers, or use a larger subnet/)
})

await file.test(
  'bad settings: it does not start, and says all that is wrong with them',
  async t => {
    const settings = {
      DATA_DIR: 'here',
      PLUGIN_SOCKET: 'ipam.sock',
      LOG_LEVEL: 'loud',
      DEFAULT_POOLS: '10.0.0.1/8,24',
      ETCD_ENDPOINTS: '192.0.2.1:2379',
    }
    const plugin = Plugin.launch(await makeFolder(), { settings })
    t.teardown(() => plugin.remove())
    t.equal(await plugin.ended(), 1)
    t.match(plugin.errors, /DATA_DIR="here": Must be an absolute path/)
    t.match(plugin.errors, /PLUGIN_SOCKET="ipam\.sock": Must be an absolute path/)
    t.match(plugin.errors, /LOG_LEVEL="loud": Must be one of .*info/)
    t.match(plugin.errors, /DEFAULT_POOLS="10\.0\.0\.1\/8,24": .*10\.0\.0\.0\/8/)
    t.match(plugin.errors, /ETCD_ENDPOINTS: "192\.0\.2\.1:2379" is not an endpoint/)
  },
)

for (const pools of [
  '10.0.0.0/8',
  '10.0.0.0/8,33',
  '10.0.0.0/8,7',
  '10.0.0.0/8,x',
  'fd00::/8,129',
]) {
  await file.test(`DEFAULT_POOLS=${pools} is refused`, async t => {
    const plugin = Plugin.launch(await makeFolder(), { settings: { DEFAULT_POOLS: pools } })
    t.teardown(() => plugin.remove())
    t.equal(await plugin.ended(), 1)
    t.match(plugin.errors, `DEFAULT_POOLS="${pools}"`)
  })
}

/** A plugin with a pool, in which there is one of each: a gateway, an exclusion, an address in use. */
async function preparedPlugin(t: Test): Promise<Plugin> {
  const plugin = await Plugin.start(await makeFolder())
  t.teardown(() => plugin.remove())
  await plugin.call('RequestPool', {
    AddressSpace: 'berth',
    Pool: SUBNET,
    SubPool: '',
    Options: { 'berth.exclude': WORLD.excluded },
    V6: false,
  })
  const request = { PoolID: POOL, Address: WORLD.gateway, Options: GATEWAY }
  await plugin.call('RequestAddress', request)
  const used = { PoolID: POOL, Address: WORLD.used, Options: { [MAC]: WORLD.mac } }
  t.equal((await plugin.call('RequestAddress', used)).status, 200, 'the world is as it must be')
  return plugin
}

async function state(plugin: Plugin): Promise<unknown[]> {
  return [(await plugin.view('/v1/addresses')).body, (await plugin.view('/v1/pools')).body]
}

async function serves(t: Test, plugin: Plugin): Promise<void> {
  const request = { PoolID: POOL, Address: '', Options: { [MAC]: '02:42:c0:00:02:09' } }
  const { body } = await plugin.call('RequestAddress', request)
  t.match(body, { Address: /^192\.0\.2\.[134]\/29$/ }, 'it still serves')
}
