import t from 'tap'
import { findHost } from '../../ipam-plugin/host-list.ts'
import type { HostRow } from '../../ipam-plugin/host-list.ts'
import { hostKey, seenKey } from '../../ipam-plugin/keys.ts'
import { readHost } from '../../ipam-plugin/records.ts'
import { refusal } from './driver-world.ts'
import { HostsWorld } from './hosts-world.ts'
import type { HostWorld } from './hosts-world.ts'

const LONG_AGO = 3_600_000
const SUBNET = '192.0.2.0/24'

type Page = { readonly addresses: readonly { readonly address: string }[]; readonly next?: string }
type Evicted = { readonly addresses: number; readonly pools: number; readonly generation: number }

await t.test('addresses come in pages, in order, each with where the next begins', async t => {
  const host = await (await HostsWorld.open(t)).host('host-1')
  const pool = await host.requestPool(SUBNET)
  const given: string[] = []
  for (let i = 0; i < 7; i++) given.push(await host.endpoint(pool))
  const inOrder = given.toSorted((a, b) => lastByte(a) - lastByte(b))
  for (const [limit, sizes] of [
    ['3', [3, 3, 1]],
    ['7', [7, 0]],
    ['1000', [7]],
  ] as const) {
    const pages = await allPages(host, limit)
    t.strictSame(
      pages.map(({ length }) => length),
      sizes,
      `by ${limit}`,
    )
    t.strictSame(pages.flat(), inOrder)
  }
  const whole = await host.ask<Page>('GET /v1/addresses')
  t.equal(whole.addresses.length, 7)
  t.notOk('next' in whole)
})

await t.test('addresses of all segments are shown, each with its own', async t => {
  const host = await (await HostsWorld.open(t)).host('host-1')
  for (const segment of ['lab', 'office'])
    await host.endpoint(await host.requestPool(SUBNET, { 'berth.segment': segment }), '192.0.2.7')
  t.match(await host.ask('GET /v1/addresses'), {
    addresses: [
      { segment: 'lab', address: '192.0.2.7', state: 'used', hostName: 'name-of-host-1' },
      { segment: 'office', address: '192.0.2.7', pool: `office~${SUBNET}~-` },
    ],
  })
})

await t.test('a page of no size, or of too many, is refused', async t => {
  const host = await (await HostsWorld.open(t)).host('host-1')
  for (const limit of ['0', '-1', '1.5', 'all', '1001']) {
    const asked = host.ask('GET /v1/addresses', { query: { limit } })
    await t.rejects(asked, {
      code: 'bad-request',
      message: `limit=${limit} must be from 1 to 1000`,
    })
  }
})

await t.test('a pool is shown with all its hosts, and what this one has of it', async t => {
  const world = await HostsWorld.open(t)
  const [one, two] = [await world.host('host-1'), await world.host('host-2')]
  const pool = await one.requestPool(SUBNET, { 'berth.exclude': '192.0.2.9' })
  await one.requestPool(SUBNET)
  await two.requestPool(SUBNET, { 'berth.exclude': '192.0.2.10' })
  await one.gateway(pool, '192.0.2.1')
  const shared = {
    segment: 'default',
    subnet: SUBNET,
    gateway: '192.0.2.1',
    aux: [],
    exclusions: ['192.0.2.9', '192.0.2.10'],
    cooldownMs: 60_000,
    hosts: ['name-of-host-1', 'name-of-host-2'],
  }
  const here = (networks: number) => [{ id: pool, state: 'joined', networks }]
  t.strictSame(await one.ask('GET /v1/pools'), { pools: [{ ...shared, here: here(2) }] })
  t.strictSame(await two.ask('GET /v1/pools'), { pools: [{ ...shared, here: here(1) }] })
  const three = await world.host('host-3')
  t.strictSame(await three.ask('GET /v1/pools'), { pools: [{ ...shared, here: [] }] })
})

await t.test('hosts are active, silent or evicted, by what they last gave', async t => {
  const world = await HostsWorld.open(t)
  const one = await world.host('host-1')
  for (const id of ['host-2', 'host-3']) await world.host(id)
  await world.lastSeen('host-1', LONG_AGO)
  await world.lastSeen('host-2', LONG_AGO)
  t.match(await rowsOf(one), [
    { id: 'host-1', name: 'name-of-host-1', self: true, state: 'active', generation: 1 },
    { id: 'host-2', self: false, state: 'silent', seen: /^\d{4}-.*Z$/, version: String },
    { id: 'host-3', self: false, state: 'active' },
  ])
  await evict(one, 'host-2')
  t.match(await rowsOf(one), [{}, { id: 'host-2', state: 'evicted', generation: 2 }, {}])
  await world.store.commit({ require: [], write: [{ delete: seenKey('host-3') }] })
  t.match((await rowsOf(one))[2], { state: 'silent', seen: undefined }, 'which never gave one')
})

await t.test('a host is meant by its id, the beginning of one, or its name', async t => {
  const world = await HostsWorld.open(t)
  const { ipam } = await world.host('a1', { name: 'rack1' })
  await world.host('a1b2', { name: 'rack2' })
  await world.host('a1c3', { name: 'twin' })
  await world.host('d4', { name: 'twin' })
  for (const [meant, id] of [
    ['a1', 'a1'],
    ['a1b', 'a1b2'],
    ['rack2', 'a1b2'],
    ['d', 'd4'],
  ] as const) {
    t.equal((await findHost(ipam, meant)).id, id, meant)
  }
  for (const [meant, message] of [
    ['twin', '"twin" may mean several hosts; use an id: a1c3, d4'],
    ['a', '"a" may mean several hosts; use an id: a1, a1b2, a1c3'],
    ['rack', 'There is no host "rack"; see: berth hosts'],
    ['', 'There is no host ""; see: berth hosts'],
  ] as const) {
    await t.rejects(findHost(ipam, meant), { code: 'unknown-host', message })
  }
})

await t.test('a host that was seen lately is not evicted, unless by force', async t => {
  const world = await HostsWorld.open(t)
  const [one, two] = [await world.host('host-1'), await world.host('host-2')]
  const before = await world.store.get(hostKey('host-2'))
  await t.rejects(evict(one, 'host-2'), {
    code: 'host-alive',
    message: /^Host name-of-host-2 was seen \d+ s ago: .* or use --force$/,
  })
  t.strictSame(await world.store.get(hostKey('host-2')), before, 'nothing is done')
  await two.requestPool(SUBNET)
  t.match(await evict(one, 'host-2', true), { name: 'name-of-host-2', generation: 2, pools: 1 })
})

await t.test('a host does not evict itself, force or not', async t => {
  const one = await (await HostsWorld.open(t)).host('host-1')
  for (const force of [false, true]) {
    const refused = { code: 'host-alive', message: /^This is the host itself/ }
    await t.rejects(evict(one, 'name-of-host-1', force), refused)
  }
})

await t.test('whom nobody knows, and what is no order, cannot be evicted', async t => {
  const one = await (await HostsWorld.open(t)).host('host-1')
  t.equal(await refusal(evict(one, 'host-9')), 'unknown-host')
  const asked = { params: { id: 'host-1' }, body: { force: 'yes' } }
  await t.rejects(one.ask('POST /v1/hosts/:id/evict', asked), {
    code: 'bad-request',
    message: /^Cannot read the order: /,
  })
})

await t.test(
  'what an evicted host had is free after its rest; what others have is not',
  async t => {
    const world = await HostsWorld.open(t)
    const [one, two] = [await world.host('host-1'), await world.host('host-2')]
    const pool = await one.requestPool('192.0.2.0/29')
    await two.requestPool('192.0.2.0/29')
    await two.requestPool('198.51.100.0/24')
    const kept = await one.endpoint(pool)
    const lost = [await two.endpoint(pool), await two.endpoint(pool)]
    await world.lastSeen('host-2', LONG_AGO)
    t.match(await evict(one, 'host-2'), { host: 'host-2', addresses: 2, pools: 2 })
    const { addresses } = await one.ask<Page>('GET /v1/addresses')
    const states = Object.fromEntries(addresses.map(row => [row.address, row]))
    t.match(states[kept], { state: 'used' })
    for (const address of lost) t.match(states[address], { state: 'idle', until: Number })
    t.match(await one.ask('GET /v1/pools'), {
      pools: [{ subnet: '192.0.2.0/29', hosts: ['name-of-host-1'] }],
    })
    const again = await evict(one, 'host-2')
    t.match(again, { addresses: 0, pools: 0, generation: 2 }, 'once more is nothing more')
  },
)

await t.test(
  'an evicted host that lives gives nothing, returns, and tells what it lost',
  async t => {
    const world = await HostsWorld.open(t)
    const [one, two] = [await world.host('host-1'), await world.host('host-2')]
    const pool = await two.requestPool('192.0.2.0/29')
    await one.requestPool('192.0.2.0/29')
    const [lost, back] = [await two.endpoint(pool), await two.endpoint(pool)]
    await evict(one, 'host-2', true)
    t.equal(await one.endpoint(pool, lost), lost, 'it may be given now')
    t.equal(await refusal(two.endpoint(pool)), 'not-ready')
    t.equal(readHost(await world.store.get(hostKey('host-2')))?.evicted, true)
    await two.tend()
    t.match(await two.ask('GET /v1/self'), {
      state: 'serving',
      lost: [{ address: lost, segment: 'default', pool }],
    })
    const { addresses } = await one.ask<Page>('GET /v1/addresses')
    t.match(
      addresses.find(({ address }) => address === back),
      { state: 'used', hostName: 'name-of-host-2', generation: 2 },
    )
    await two.release(pool, lost)
    t.match(
      (await one.ask<Page>('GET /v1/addresses')).addresses.find(({ address }) => address === lost),
      { state: 'used', hostName: 'name-of-host-1' },
      'what it lost it does not release',
    )
  },
)

await t.test('a release that is being delivered is not delivered yet', async t => {
  const one = await (await HostsWorld.open(t)).host('host-1')
  const pool = await one.requestPool(SUBNET)
  const address = await one.endpoint(pool)
  const { promise: goOn, resolve } = Promise.withResolvers<void>()
  const get = one.store.get.bind(one.store)
  one.store.get = async key => {
    await goOn
    return await get(key)
  }
  const released = one.release(pool, address)
  t.match(await one.ask('GET /v1/self'), { queuedReleases: 1 })
  resolve()
  await released
  t.match(await one.ask('GET /v1/self'), { queuedReleases: 0 })
})

await t.test('self is answered without the store', async t => {
  const one = await (await HostsWorld.open(t)).host('host-1')
  const pool = await one.requestPool(SUBNET)
  const address = await one.endpoint(pool)
  one.store.isAway = true
  await one.release(pool, address)
  t.match(await one.ask('GET /v1/self'), {
    id: 'host-1',
    name: 'name-of-host-1',
    state: 'serving',
    queuedReleases: 1,
    lost: [],
  })
})

async function rowsOf(host: HostWorld): Promise<readonly HostRow[]> {
  return (await host.ask<{ hosts: readonly HostRow[] }>('GET /v1/hosts')).hosts
}

async function evict(host: HostWorld, id: string, force?: boolean): Promise<Evicted> {
  const body = force === undefined ? {} : { force }
  return await host.ask<Evicted>('POST /v1/hosts/:id/evict', { params: { id }, body })
}

/** The addresses of each page, by going from one to the next. */
async function allPages(host: HostWorld, limit: string): Promise<string[][]> {
  const pages: string[][] = []
  for (let after: string | undefined; ;) {
    const query = after === undefined ? { limit } : { limit, after }
    const { addresses, next } = await host.ask<Page>('GET /v1/addresses', { query })
    pages.push(addresses.map(({ address }) => address))
    if (next === undefined) return pages
    after = next
  }
}

function lastByte(address: string): number {
  return Number(address.split('.')[3])
}
