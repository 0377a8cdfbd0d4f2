import { setTimeout as sleep } from 'node:timers/promises'
import { t as file } from 'tap'
import type { Test } from 'tap'
import { parseSubnet } from '../../ipam-plugin/addresses.ts'
import { DriverWorld, refusal } from './driver-world.ts'

file.setTimeout(60_000)

await file.test('a single host counts as people expect: gateway .1, then .2, .3, .4', async t => {
  const world = await open(t)
  const pool = await world.requestPool('192.0.2.0/24')
  t.equal(await world.gateway(pool), '192.0.2.1')
  t.strictSame(await take(world, pool, 3), ['192.0.2.2', '192.0.2.3', '192.0.2.4'])
})

await file.test(
  'a released address rests while others are free; then the longest rested comes first',
  async t => {
    const world = await open(t)
    const pool = await world.requestPool('192.0.2.0/29')
    const [first = '', second = ''] = await take(world, pool, 2)
    await world.release(pool, second)
    await pause()
    await world.release(pool, first)
    t.strictSame(await take(world, pool, 4), ['192.0.2.3', '192.0.2.4', '192.0.2.5', '192.0.2.6'])
    t.strictSame(await take(world, pool, 2), [second, first])
    t.equal(await refusal(world.endpoint(pool)), 'pool-full')
  },
)

await file.test('whoever names an address need not wait for its rest', async t => {
  const world = await open(t)
  const pool = await world.requestPool('192.0.2.0/29')
  const address = await world.endpoint(pool)
  await world.release(pool, address)
  t.equal(await world.endpoint(pool, address), address)
})

for (const [subnet, addresses] of [
  ['192.0.2.4/32', ['192.0.2.4']],
  ['192.0.2.4/31', ['192.0.2.4', '192.0.2.5']],
  ['192.0.2.4/30', ['192.0.2.5', '192.0.2.6']],
  ['2001:db8::4/127', ['2001:db8::4', '2001:db8::5']],
  ['2001:db8::4/126', ['2001:db8::5', '2001:db8::6', '2001:db8::7']],
] as const) {
  await file.test(`${subnet} has ${addresses.join(', ')} to give`, async t => {
    const world = await open(t)
    const pool = await world.requestPool(subnet)
    t.strictSame(await take(world, pool, addresses.length), addresses)
    t.equal(await refusal(world.endpoint(pool)), 'pool-full')
  })
}

await file.test('an IPv6 address is the same however it is spelled', async t => {
  const world = await open(t)
  const pool = await world.requestPool('fd00:0:0:2::/64')
  t.equal(pool, 'default~fd00:0:0:2::/64~-')
  const address = await world.endpoint(pool, 'FD00:0:0:2:0:0:0:7')
  t.equal(address, 'fd00:0:0:2::7')
  t.equal(await refusal(world.endpoint(pool, 'fd00::2:0:0:0:7')), 'address-in-use')
  await world.release(pool, 'fd00::2:0:0:0:7')
  t.strictSame(await world.inState('used'), [])
})

await file.test('a range limits dynamic picks alone', async t => {
  const world = await open(t)
  const pool = await world.requestPool('192.0.2.0/24', '192.0.2.128/30')
  t.equal(await world.gateway(pool, '192.0.2.254'), '192.0.2.254')
  t.equal(await world.aux(pool, '192.0.2.129'), '192.0.2.129')
  t.equal(await world.endpoint(pool, '192.0.2.7'), '192.0.2.7')
  t.strictSame(await take(world, pool, 3), ['192.0.2.128', '192.0.2.130', '192.0.2.131'])
  t.equal(await refusal(world.endpoint(pool)), 'pool-full')
})

await file.test('two ranges of one subnet share addresses and gateway', async t => {
  const world = await open(t)
  const low = await world.requestPool('192.0.2.0/24', '192.0.2.0/25')
  const high = await world.requestPool('192.0.2.0/24', '192.0.2.128/25')
  t.equal(await world.gateway(low, '192.0.2.200'), '192.0.2.200')
  t.equal(await world.gateway(high), '192.0.2.200', 'whoever names none gets the one there is')
  t.equal(await world.endpoint(low, '192.0.2.128'), '192.0.2.128')
  t.equal(await world.endpoint(high), '192.0.2.129', 'what one gave the other does not give')
  await world.release(low, '192.0.2.128')
  await world.releasePool(low)
  t.strictSame(await world.inState('shared'), ['192.0.2.200'], 'the first to go does not unprotect')
  t.equal(await refusal(world.endpoint(high, '192.0.2.200')), 'address-in-use')
})

await file.test(
  'a failed network create releases the pool alone: its gateway goes too',
  async t => {
    const world = await open(t)
    const pool = await world.requestPool('192.0.2.0/24')
    await world.gateway(pool, '192.0.2.9')
    await world.aux(pool, '192.0.2.10')
    await world.releasePool(pool)
    t.strictSame(await world.view('/v1/addresses'), { addresses: [] })
    t.strictSame(await world.view('/v1/pools'), { pools: [] })
  },
)

await file.test('a second network that fails does not take the first one along', async t => {
  const world = await open(t)
  const pool = await world.requestPool('192.0.2.0/24')
  await world.gateway(pool)
  await world.requestPool('192.0.2.0/24')
  await world.gateway(pool)
  await world.release(pool, '192.0.2.1')
  await world.releasePool(pool)
  t.strictSame(await world.inState('shared'), ['192.0.2.1'])
  t.equal(await world.endpoint(pool), '192.0.2.2')
})

await file.test('the same subnet on two segments is two sets of addresses', async t => {
  const world = await open(t)
  const one = await world.requestPool('192.0.2.0/30', '', { 'berth.segment': 'lab' })
  const other = await world.requestPool('192.0.2.0/30', '', { 'berth.segment': 'office' })
  t.strictSame(await take(world, one, 2), await take(world, other, 2))
})

await file.test(
  'automatic pools are cut from DEFAULT_POOLS, each another, until none is left',
  async t => {
    const world = await open(t, [{ base: parseSubnet('10.200.0.0/23'), length: 24 }])
    t.equal(await world.requestPool('10.200.0.0/25'), 'default~10.200.0.0/25~-')
    t.equal(await automatic(world), 'default~10.200.1.0/24~-', 'what overlaps is passed over')
    t.equal(await refusal(automatic(world)), 'no-default-pool')
    await world.releasePool('default~10.200.1.0/24~-')
    t.equal(await automatic(world), 'default~10.200.1.0/24~-')
  },
)

await file.test('exclusions are never given, nor elected as a gateway', async t => {
  const world = await open(t)
  const options = { 'berth.exclude': '192.0.2.1, 192.0.2.3-192.0.2.4,2001:db8::/120' }
  const pool = await world.requestPool('192.0.2.0/29', '', options)
  t.equal(await world.gateway(pool), '192.0.2.2')
  t.strictSame(await take(world, pool, 2), ['192.0.2.5', '192.0.2.6'])
  t.equal(await refusal(world.endpoint(pool)), 'pool-full')
  t.equal(await refusal(world.endpoint(pool, '192.0.2.3')), 'address-reserved')
})

for (const range of ['', '192.0.2.0/28']) {
  await file.test(
    `what a second network excludes is not given any more (--ip-range "${range}")`,
    async t => {
      const world = await open(t)
      const pool = await world.requestPool('192.0.2.0/24')
      await world.endpoint(pool)
      await world.requestPool('192.0.2.0/24', range, { 'berth.exclude': '192.0.2.2' })
      t.equal(await world.endpoint(pool), '192.0.2.3')
    },
  )
}

async function open(t: Test, defaults: Parameters<typeof DriverWorld.open>[0] = []) {
  const world = await DriverWorld.open(defaults)
  t.teardown(() => world.close())
  return world
}

async function take(world: DriverWorld, pool: string, count: number): Promise<string[]> {
  const taken: string[] = []
  while (taken.length < count) taken.push(await world.endpoint(pool))
  return taken
}

async function automatic(world: DriverWorld): Promise<string> {
  return await world.requestPool('')
}

/** So that the next release is a later one, by a clock of milliseconds. */
async function pause(): Promise<void> {
  await sleep(5)
}
