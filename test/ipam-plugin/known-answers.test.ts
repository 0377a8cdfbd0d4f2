import t from 'tap'
import { refusal } from './driver-world.ts'
import { HostsWorld } from './hosts-world.ts'
import type { HostWorld } from './hosts-world.ts'

const SUBNET = '192.0.2.0/24'
const OPTIONS = { 'berth.exclude': '192.0.2.9,192.0.2.32/28', 'berth.cooldown': '90s' }
const GATEWAY = '192.0.2.1'
const AUX = '192.0.2.2'

/** Questions that may come at any time, with their answers; undefined: the pool. */
const KNOWN: readonly [
  what: string,
  ask: (host: HostWorld, pool: string) => Promise<string>,
  answer: string | undefined,
][] = [
  ['the gateway by name', (host, pool) => host.gateway(pool, GATEWAY), GATEWAY],
  ['whichever gateway there is', (host, pool) => host.gateway(pool), GATEWAY],
  ['an auxiliary address', (host, pool) => host.aux(pool, AUX), AUX],
  ['one more network', host => host.requestPool(SUBNET), undefined],
  ['one with the same options', host => host.requestPool(SUBNET, OPTIONS), undefined],
  [
    'one with some of the exclusions',
    host => host.requestPool(SUBNET, { 'berth.exclude': '192.0.2.9' }),
    undefined,
  ],
]

await t.test('what this host knows of a pool is answered from its journal alone', async t => {
  const { host, pool } = await open(t)
  for (const [what, ask, answer] of KNOWN) {
    host.store.calls = []
    t.equal(await ask(host, pool), answer ?? pool, what)
    t.strictSame(host.store.calls, [], `${what}, without a call of the store`)
  }
})

await t.test('and so it is while the store is away', async t => {
  const { host, pool } = await open(t)
  host.store.isAway = true
  await host.tend()
  for (const [what, ask, answer] of KNOWN) t.equal(await ask(host, pool), answer ?? pool, what)
  const reason = 'the store is away'
  t.match(await host.ask('GET /v1/self'), { id: 'host-1', state: 'store-away', reason })
  host.store.isAway = false
  await host.tend()
  const back = await host.ask('GET /v1/self')
  t.match(back, { state: 'serving' })
  t.notOk('reason' in back)
})

await t.test('and after a restart, before the store is back', async t => {
  const world = await HostsWorld.open(t)
  const first = await world.host('host-1')
  const pool = await prepare(first)
  await world.stop('host-1')
  const host = await world.host('host-1', { isAway: true })
  for (const [what, ask, answer] of KNOWN) t.equal(await ask(host, pool), answer ?? pool, what)
  t.match(await host.ask('GET /v1/self'), { id: 'host-1', state: 'store-away' })
  t.equal(await refusal(host.endpoint(pool)), 'not-ready', 'but no address is given')
  host.store.isAway = false
  await host.tend()
  t.equal(await refusal(host.endpoint(pool)), undefined, 'until it is back')
})

await t.test('a gateway that differs is refused from the journal too, by name', async t => {
  const { host, pool } = await open(t)
  host.store.calls = []
  await t.rejects(host.gateway(pool, '192.0.2.254'), {
    code: 'pool-conflict',
    message: /is 192\.0\.2\.1, set on host name-of-host-1; 192\.0\.2\.254 differs/,
  })
  t.strictSame(host.store.calls, [])
})

await t.test('what is new is brought to the store, once', async t => {
  const { host, pool } = await open(t)
  for (const [what, ask] of [
    ['an exclusion', () => host.requestPool(SUBNET, { 'berth.exclude': '192.0.2.77' })],
    ['an auxiliary address', () => host.aux(pool, '192.0.2.3')],
  ] as const) {
    host.store.calls = []
    await ask()
    t.ok(commits(host) > 0, `${what} is written`)
    host.store.calls = []
    await ask()
    t.strictSame(host.store.calls, [], `${what} is known from then on`)
  }
})

await t.test('a rest that differs is asked of the store, which knows who said it', async t => {
  const { host } = await open(t)
  await t.rejects(host.requestPool(SUBNET, { 'berth.cooldown': '1s' }), {
    code: 'pool-conflict',
    message: /has berth\.cooldown=90000ms, set on host name-of-host-1/,
  })
  t.match(await host.ask('GET /v1/pools'), { pools: [{ here: [{ networks: 1 }] }] })
})

await t.test('uses but the first and the last are counted here alone', async t => {
  const { host, pool } = await open(t)
  host.store.calls = []
  await host.requestPool(SUBNET)
  await host.requestPool(SUBNET)
  await host.releasePool(pool)
  await host.releasePool(pool)
  t.strictSame(host.store.calls, [])
  await host.releasePool(pool)
  await host.tend()
  t.ok(commits(host) > 0, 'the last one leaves the pool')
  t.strictSame(await host.ask('GET /v1/pools'), { pools: [] })
})

await t.test('what cannot be known without the store is refused while it is away', async t => {
  const { host, pool } = await open(t)
  host.store.isAway = true
  for (const ask of [
    () => host.requestPool('198.51.100.0/24'),
    () => host.requestPool(SUBNET, { 'berth.exclude': '192.0.2.77' }),
    () => host.aux(pool, '192.0.2.3'),
    () => host.endpoint(pool),
  ]) {
    const started = performance.now()
    await t.rejects(ask(), /the store is away/)
    t.ok(performance.now() - started < 2000)
  }
  host.store.isAway = false
  await host.tend()
  t.match(await host.ask('GET /v1/pools'), {
    pools: [{ subnet: SUBNET, aux: [AUX], here: [{ state: 'joined', networks: 1 }] }],
  })
})

await t.test('a pool is released while the store is away, and left when it is back', async t => {
  const { host, pool } = await open(t)
  host.store.isAway = true
  await host.releasePool(pool)
  t.equal(await refusal(host.gateway(pool)), 'unknown-pool', 'it is no pool of this host any more')
  host.store.isAway = false
  await host.tend()
  t.strictSame(await host.ask('GET /v1/pools'), { pools: [] })
})

async function open(t: Parameters<typeof HostsWorld.open>[0]) {
  const host = await (await HostsWorld.open(t)).host('host-1')
  return { host, pool: await prepare(host) }
}

async function prepare(host: HostWorld): Promise<string> {
  const pool = await host.requestPool(SUBNET, OPTIONS)
  await host.gateway(pool)
  await host.aux(pool, AUX)
  return pool
}

function commits({ store }: HostWorld): number {
  return store.calls.filter(call => call.startsWith('commit')).length
}
