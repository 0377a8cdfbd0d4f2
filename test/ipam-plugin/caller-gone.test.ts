import { setTimeout as sleep } from 'node:timers/promises'
import { t as file } from 'tap'
import type { Test } from 'tap'
import { GATEWAY, MAC } from './driver-world.ts'
import { makeFolder, Plugin, TEST_MAIN } from './process.ts'
import { HELD, POOL, RANGE, requestEndpoint, requestPool, SUBNET } from './kill-scenarios.ts'

file.setTimeout(180_000)
file.jobs = 3

const SLOW_MS = 400
const SOON_MS = 10_000
/** Well inside the commit: after the request has arrived, before its answer is ready. */
const HANG_UP_MS = 150

void file.test('an address whose caller hung up is idle again, and rests', async t => {
  const plugin = await slowPlugin(t)
  await hangUp(t, plugin, 'RequestAddress', endpoint(''), 'caller-gone')
  t.strictSame(await states(plugin), { [HELD]: 'used', '192.0.2.5': 'idle' })
  const { body } = await requestEndpoint(plugin, '')
  t.equal(body['Address'], '192.0.2.6/29', 'the next caller gets another')
})

void file.test('a static address whose caller hung up can be asked for again', async t => {
  const plugin = await slowPlugin(t)
  await hangUp(t, plugin, 'RequestAddress', endpoint('192.0.2.2'), 'caller-gone')
  t.strictSame(await states(plugin), { [HELD]: 'used', '192.0.2.2': 'idle' })
  t.equal((await requestEndpoint(plugin, '192.0.2.2')).status, 200)
})

void file.test('a first use of a pool whose caller hung up is undone', async t => {
  const plugin = await slowPlugin(t)
  const body = poolRequest('198.51.100.0/24', '')
  await hangUp(t, plugin, 'RequestPool', body, 'caller-gone')
  await soon(async () => Object.keys(await networks(plugin)).length === 1)
  t.strictSame(await networks(plugin), { [POOL]: 1 })
  t.equal((await requestPool(plugin, '198.51.100.0/25', '')).status, 200, 'its place is free')
})

void file.test('a second use of a pool whose caller hung up is not counted', async t => {
  const plugin = await slowPlugin(t)
  const body = { ...poolRequest(SUBNET, RANGE), Options: { 'berth.exclude': '192.0.2.6' } }
  await hangUp(t, plugin, 'RequestPool', body, 'caller-gone')
  t.strictSame(await networks(plugin), { [POOL]: 1 })
})

void file.test(
  'a gateway whose caller hung up stays with the pool: it can be asked for again',
  async t => {
    const plugin = await slowPlugin(t)
    const body = { PoolID: POOL, Address: '', Options: GATEWAY }
    await hangUp(t, plugin, 'RequestAddress', body, 'ok')
    const again = await plugin.call('RequestAddress', body)
    t.equal(again.body['Address'], '192.0.2.1/29')
  },
)

void file.test('a release whose caller hung up is carried out', async t => {
  const plugin = await slowPlugin(t)
  await hangUp(t, plugin, 'ReleaseAddress', { PoolID: POOL, Address: HELD }, 'ok')
  await soon(async () => (await states(plugin))[HELD] === 'idle')
  t.strictSame(await states(plugin), { [HELD]: 'idle' })
})

void file.test("the engine's retry comes without its body: it allocates nothing", async t => {
  const plugin = await slowPlugin(t)
  await hangUp(t, plugin, 'RequestAddress', endpoint(''), 'caller-gone')
  const retry = await plugin.post('IpamDriver.RequestAddress', '')
  t.equal(retry.status, 500)
  t.match(retry.body['Err'], /the body is empty: the engine retried/)
  t.strictSame(await states(plugin), { [HELD]: 'used', '192.0.2.5': 'idle' })
})

void file.test('many callers who hang up at once leave nothing behind', async t => {
  const plugin = await slowPlugin(t)
  const begun = requests(plugin)
  const { body } = await requestPool(plugin, '198.51.100.0/24', '')
  const request = { ...endpoint(''), PoolID: body['PoolID'] }
  await Promise.all(
    Array.from({ length: 8 }, () => callAndHangUp(plugin, 'RequestAddress', request)),
  )
  await plugin.logged(() => requests(plugin) === begun + 8)
  const used = Object.entries(await states(plugin)).filter(([, state]) => state === 'used')
  t.strictSame(used, [[HELD, 'used']])
})

/** A plugin with an endpoint, whose store takes its time to commit. */
async function slowPlugin(t: Test): Promise<Plugin> {
  const settings = { COMMIT_MS: String(SLOW_MS) }
  const plugin = await Plugin.start(await makeFolder(), { main: TEST_MAIN, settings })
  t.teardown(() => plugin.remove())
  await requestPool(plugin, SUBNET, RANGE)
  await requestEndpoint(plugin, HELD)
  await plugin.logged(() => requests(plugin) === 1)
  return plugin
}

/** Hangs up on the answer, and waits until the plugin is done with the request. */
async function hangUp(t: Test, plugin: Plugin, method: string, body: object, outcome: string) {
  const before = plugin.log.length
  await callAndHangUp(plugin, method, body)
  const line = await plugin.logged(
    one => plugin.log.indexOf(one) >= before && one['method'] === `IpamDriver.${method}`,
  )
  t.equal(line['outcome'], outcome, `the log says ${outcome}`)
}

async function callAndHangUp(plugin: Plugin, method: string, body: object): Promise<void> {
  const hangUp = AbortSignal.timeout(HANG_UP_MS)
  const answer = await plugin.call(method, body, hangUp).catch(() => undefined)
  if (answer) throw new Error(`The answer came before the hang-up: ${JSON.stringify(answer)}`)
}

function endpoint(Address: string) {
  return { PoolID: POOL, Address, Options: { [MAC]: '02:42:c0:00:02:05' } }
}

function poolRequest(Pool: string, SubPool: string) {
  return { AddressSpace: 'berth', Pool, SubPool, Options: {}, V6: false }
}

/** Waits for what goes on behind the answer of a release. */
async function soon(isDone: () => Promise<boolean>): Promise<void> {
  for (const started = performance.now(); performance.now() - started < SOON_MS;) {
    if (await isDone()) return
    await sleep(20)
  }
}

/** How many requests for an address the log has. */
function requests({ log }: Plugin): number {
  return log.filter(({ method }) => method === 'IpamDriver.RequestAddress').length
}

async function states(plugin: Plugin): Promise<Record<string, string>> {
  const { body } = await plugin.view('/v1/addresses')
  const rows = body['addresses'] as { address: string; state: string }[]
  return Object.fromEntries(rows.map(({ address, state }) => [address, state]))
}

async function networks(plugin: Plugin): Promise<Record<string, number>> {
  const { body } = await plugin.view('/v1/pools')
  const pools = body['pools'] as { here: { id: string; networks: number }[] }[]
  return Object.fromEntries(pools.flatMap(({ here }) => here.map(one => [one.id, one.networks])))
}
