import t from 'tap'
import type { TAP } from 'tap'
import { recorded, World } from './world.ts'

t.setTimeout(120_000)

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()

const POOLS = {
  pools: [
    {
      segment: 'default',
      subnet: '192.0.2.0/24',
      gateway: '192.0.2.1',
      aux: ['192.0.2.5', '192.0.2.6', '192.0.2.7', '192.0.2.8'],
      exclusions: ['192.0.2.64/28'],
      cooldownMs: 90_000,
      hosts: ['rack1-01', 'rack1-02'],
      here: [
        { id: 'default~192.0.2.0/24~-', state: 'joined', networks: 2 },
        { id: 'default~192.0.2.0/24~192.0.2.128/25', state: 'lost', networks: 1 },
      ],
      later: 'a field of another version',
    },
    {
      segment: 'dmz',
      subnet: '2001:db8::/64',
      aux: [],
      exclusions: [],
      cooldownMs: 0,
      hosts: ['rack1-02'],
      here: [],
    },
  ],
}

const used = (address: string, hostName: string, rest: object = {}) => ({
  segment: 'default',
  address,
  state: 'used',
  pool: 'default~192.0.2.0/24~-',
  host: `id-of-${hostName}`,
  hostName,
  generation: 1,
  mac: '02:42:c0:00:02:02',
  since: ago(200),
  ...rest,
})
const ADDRESSES = [
  {
    segment: 'default',
    address: '192.0.2.1',
    state: 'shared',
    pools: ['default~192.0.2.0/24~-'],
  },
  used('192.0.2.2', 'rack1-01'),
  used('192.0.2.3', 'rack1-02', { name: 'web\x1b[2J', since: ago(7200) }),
  { segment: 'default', address: '192.0.2.4', state: 'idle', until: Date.now() + 3_590_000 },
  { segment: 'default', address: '192.0.2.9', state: 'idle', until: Date.now() - 1 },
  used('2001:db8::2', 'rack1-02', { segment: 'dmz', pool: 'dmz~2001:db8::/64~-' }),
]

/** Two addresses a page, whatever is asked. */
function pages() {
  return recorded(({ query }) => {
    const start = Number(query['after'] ?? 0)
    const next = start + 2 < ADDRESSES.length ? { next: String(start + 2) } : {}
    return { addresses: ADDRESSES.slice(start, start + 2), ...next }
  })
}

await t.test('pools are a table, with long lists cut short', async t => {
  const world = await World.serve(t, { 'GET /v1/pools': async () => POOLS })
  await shows(t, await world.berth('pools'), [
    'SEGMENT  SUBNET         GATEWAY    AUX                                       EXCLUDED       COOLDOWN  HOSTS               HERE',
    'default  192.0.2.0/24   192.0.2.1  192.0.2.5, 192.0.2.6, 192.0.2.7, +1 more  192.0.2.64/28  90s       rack1-01, rack1-02  2 networks, 1 network lost',
    'dmz      2001:db8::/64  -          -                                         -              0         rack1-02            -',
  ])
})

await t.test('--json is what the API answers, whatever else stands in it', async t => {
  const world = await World.serve(t, { 'GET /v1/pools': async () => POOLS })
  for (const args of [
    ['pools', '--json'],
    ['--json', 'pools'],
  ]) {
    const { code, out } = await world.berth(...args)
    t.equal(code, 0)
    t.strictSame(JSON.parse(out), POOLS)
  }
})

await t.test('where there is nothing to show, a sentence says so', async t => {
  const world = await World.serve(t, {
    'GET /v1/pools': async () => ({ pools: [] }),
    'GET /v1/addresses': async () => ({ addresses: [] }),
  })
  t.match(await world.berth('pools'), { code: 0, out: /^There is no pool: .*\n$/ })
  t.match(await world.berth('addresses'), { code: 0, out: 'There is no such address.\n' })
})

await t.test('addresses are read page by page, and shown as one table', async t => {
  const { asked, route } = pages()
  const world = await World.serve(t, { 'GET /v1/addresses': route })
  await shows(t, await world.berth('addresses'), [
    'SEGMENT  ADDRESS      STATE   HOST      MAC                NAME     SINCE',
    'default  192.0.2.1    shared  -         -                  -        -',
    'default  192.0.2.2    used    rack1-01  02:42:c0:00:02:02  -        3 min ago',
    'default  192.0.2.3    used    rack1-02  02:42:c0:00:02:02  web?[2J  2 h ago',
    'default  192.0.2.4    idle    -         -                  -        rests 59 min more',
    'default  192.0.2.9    idle    -         -                  -        has rested',
    'dmz      2001:db8::2  used    rack1-02  02:42:c0:00:02:02  -        3 min ago',
  ])
  t.strictSame(
    asked.map(({ query }) => query),
    [{ limit: '1000' }, { limit: '1000', after: '2' }, { limit: '1000', after: '4' }],
  )
})

await t.test('addresses in JSON are one document, without pages', async t => {
  const world = await World.serve(t, { 'GET /v1/addresses': pages().route })
  const { out } = await world.berth('addresses', '--json')
  t.strictSame(JSON.parse(out), { addresses: ADDRESSES })
})

await t.test('addresses are filtered, also for a program', async t => {
  const world = await World.serve(t, { 'GET /v1/addresses': pages().route })
  for (const [args, wanted] of [
    [
      ['--pool', '192.0.2.2/31'],
      [1, 2],
    ],
    [
      ['--pool', '192.0.2.0/24', '--state', 'idle'],
      [3, 4],
    ],
    [
      ['--pool', 'default~192.0.2.0/24~-'],
      [0, 1, 2],
    ],
    [['--pool', '2001:db8::/64'], [5]],
    [
      ['--host', 'rack1-02'],
      [2, 5],
    ],
    [['--host', 'id-of-rack1-01'], [1]],
    [['--state', 'shared'], [0]],
    [['--segment', 'dmz'], [5]],
    [['--segment', 'dmz', '--state', 'idle'], []],
  ] as const) {
    const { out } = await world.berth('addresses', '--json', ...args)
    t.strictSame(JSON.parse(out), { addresses: wanted.map(i => ADDRESSES[i]) }, args.join(' '))
  }
})

await t.test('a filter that makes no sense is wrong usage', async t => {
  const world = await World.serve(t, { 'GET /v1/addresses': pages().route })
  for (const pool of ['', '192.0.2.0', '192.0.2.0/33', '192.0.2.0/24/1', 'web']) {
    t.match(await world.berth('addresses', '--pool', pool), {
      code: 2,
      out: '',
      err: /^berth: --pool takes a subnet such as .* is neither\n$/,
    })
  }
  t.match(await world.berth('addresses', '--state', 'free'), { code: 2, err: /used, idle, shared/ })
})

await t.test('hosts show which is this one, and when each was seen', async t => {
  const hosts = [
    {
      id: 'a1',
      name: 'rack1-01',
      self: true,
      state: 'active',
      generation: 1,
      seen: ago(12),
      version: '0.1.0',
    },
    { id: 'b2', name: 'rack1-02', self: false, state: 'silent', generation: 3, seen: ago(200_000) },
    {
      id: 'c3',
      name: 'rack1-03',
      self: false,
      state: 'recovering',
      generation: 1,
      recovery: 'fenced',
    },
  ]
  const world = await World.serve(t, { 'GET /v1/hosts': async () => ({ hosts }) })
  await shows(t, await world.berth('hosts'), [
    /^NAME +STATE +SEEN +GENERATION +VERSION +ID$/,
    /^rack1-01 \(this host\) +active +\d+ s ago +1 +0\.1\.0 +a1$/,
    /^rack1-02 +silent +2 d ago +3 +- +b2$/,
    /^rack1-03 +recovering \(fenced\) +never +1 +- +c3$/,
  ])
})

await t.test('status shows what this host waits for and what it lost', async t => {
  const self = {
    id: 'a1',
    name: 'rack1-01',
    state: 'store-away',
    reason: 'No answer from 192.0.2.250:2379',
    queuedReleases: 1,
    lost: [{ address: '192.0.2.7', segment: 'default', pool: 'default~192.0.2.0/24~-' }],
  }
  const world = await World.serve(t, { 'GET /v1/self': async () => self })
  await shows(t, await world.berth('status'), [
    'HOST    rack1-01',
    'ID      a1',
    'STATE   store-away: the host keeps what it has, no address is given',
    'REASON  No answer from 192.0.2.250:2379',
    'QUEUED  1 release waits to be delivered',
    'LOST    1 address',
    '',
    'SEGMENT  LOST ADDRESS  POOL',
    'default  192.0.2.7     default~192.0.2.0/24~-',
  ])
})

await t.test('status of a host that is well is short', async t => {
  const self = { id: 'a1', name: 'rack1-01', state: 'serving', queuedReleases: 0, lost: [] }
  const world = await World.serve(t, { 'GET /v1/self': async () => self })
  await shows(t, await world.berth('status'), [
    'HOST    rack1-01',
    'ID      a1',
    'STATE   serving',
    'QUEUED  0 releases wait to be delivered',
    'LOST    nothing',
  ])
})

async function shows(
  t: Pick<TAP, 'match' | 'equal'>,
  { code, out, err }: { code: number | null; out: string; err: string },
  lines: readonly (string | RegExp)[],
) {
  t.match({ code, err }, { code: 0, err: '' })
  t.match(out.split('\n'), [...lines, ''])
}
