import t from 'tap'
import { Refusal } from '../../shared/refusal.ts'
import { recorded, World } from './world.ts'

t.setTimeout(180_000)

const host = (id: string, name: string) => ({
  id,
  name,
  self: false,
  state: 'silent',
  generation: 1,
})
const HOSTS = [
  host('a1b2', 'rack1-01'),
  host('a1c3', 'rack1-02'),
  host('d4', 'twin'),
  host('e5', 'twin'),
  host('rack', 'a1b'),
]

const SELF = {
  id: 'a1b2',
  name: 'rack1-01',
  state: 'suspended',
  reason: 'The state was made on another machine',
  queuedReleases: 0,
  lost: [],
}

/** Hosts, and an eviction that keeps what it is asked. */
function evictions() {
  const eviction = recorded(({ params }) => {
    const name = HOSTS.find(({ id }) => id === params['id'])?.name ?? ''
    return { host: params['id'] ?? '', name, generation: 2, addresses: 1, pools: 2 }
  })
  return {
    asked: eviction.asked,
    routes: {
      'GET /v1/hosts': async () => ({ hosts: HOSTS }),
      'POST /v1/hosts/:id/evict': eviction.route,
    },
  }
}

await t.test('a host is evicted by its id or its name', async t => {
  const { asked, routes } = evictions()
  const world = await World.serve(t, routes)
  for (const [given, id, name] of [
    ['a1c3', 'a1c3', 'rack1-02'],
    ['rack1-02', 'a1c3', 'rack1-02'],
    ['a1b', 'rack', 'a1b'],
  ] as const) {
    const out = `${name} (${id}) is evicted: 1 address and 2 pools were taken from it. The addresses rest before others get them.\n`
    t.strictSame(await world.berth('host', 'evict', given, '--yes'), { code: 0, out, err: '' })
    t.match(asked.pop(), { params: { id }, body: {} })
  }
})

await t.test('the beginning of its id will do where somebody is asked', async t => {
  const { asked, routes } = evictions()
  const world = await World.serve(t, routes)
  const missing = /There is no host "a1c"/
  t.match(await world.berth('host', 'evict', 'a1c', '--yes'), { code: 1, err: missing })
  t.strictSame(asked, [])
  t.match(await world.berthAtTerminal('rack1-02\n', 'host', 'evict', 'a1c'), { code: 0 })
  t.match(asked, [{ params: { id: 'a1c3' } }])
})

await t.test('--force is passed on, and --json shows the answer as it is', async t => {
  const { asked, routes } = evictions()
  const world = await World.serve(t, routes)
  const { code, out } = await world.berth('host', 'evict', 'd4', '--yes', '--force', '--json')
  t.equal(code, 0)
  t.strictSame(JSON.parse(out), {
    host: 'd4',
    name: 'twin',
    generation: 2,
    addresses: 1,
    pools: 2,
  })
  t.strictSame(
    asked.map(({ body }) => body),
    [{ force: true }],
  )
})

await t.test('nothing is evicted where several hosts could be meant, or none', async t => {
  const { asked, routes } = evictions()
  const world = await World.serve(t, routes)
  t.match(await world.berth('host', 'evict', 'twin', '--yes'), {
    code: 1,
    err: 'berth: "twin" may be any of d4 (twin, silent), e5 (twin, silent): name it by its id\n',
  })
  t.match(await world.berthAtTerminal('\n', 'host', 'evict', 'a1'), { code: 1, out: /a1b2.*a1c3/ })
  t.match(await world.berth('host', 'evict', 'rack9', '--yes'), {
    code: 1,
    err: /^berth: There is no host "rack9"; there are rack1-01, rack1-02, /,
  })
  t.strictSame(asked, [])
})

await t.test('a refused eviction fails with its reason', async t => {
  const sentence = 'Host rack1-01 was seen 3 s ago; --force evicts it all the same'
  const world = await World.serve(t, {
    ...evictions().routes,
    'POST /v1/hosts/:id/evict': async () => {
      throw new Refusal('unsupported', sentence)
    },
  })
  t.strictSame(await world.berth('host', 'evict', 'rack1-01', '--yes'), {
    code: 1,
    out: '',
    err: `berth: ${sentence}\n`,
  })
})

await t.test('without a terminal nothing is done unless --yes is said', async t => {
  const posted = recorded(() => ({}))
  const { routes } = evictions()
  const world = await World.serve(t, {
    ...routes,
    'GET /v1/self': async () => SELF,
    'GET /v1/recovery': async () => ({ open: false, waiting: [] }),
    'POST /v1/hosts/:id/evict': posted.route,
    'POST /v1/adopt': posted.route,
    'POST /v1/recover': posted.route,
  })
  for (const args of [['host', 'evict', 'd4'], ['host', 'adopt'], ['recover']]) {
    t.match(await world.berth(...args), { code: 2, out: '', err: /say --yes\n$/ })
  }
  t.strictSame(posted.asked, [])
})

await t.test("at a terminal the host's name must be typed", async t => {
  const { asked, routes } = evictions()
  const world = await World.serve(t, routes)
  t.match(await world.berthAtTerminal('rack1-01\n', 'host', 'evict', 'a1b2'), {
    code: 0,
    out: /rack1-01 \(a1b2, silent, last seen: never\).*must be dead.*rack1-01 \(a1b2\) is evicted/s,
  })
  t.equal(asked.length, 1)
  // The last is what ends the input.
  for (const typed of ['y\n', 'a1b2\n', 'rack1-0\n', '\n', '\x04']) {
    t.match(await world.berthAtTerminal(typed, 'host', 'evict', 'a1b2'), {
      code: 1,
      out: /Nothing was done: "rack1-01" was not typed/,
    })
  }
  t.equal(asked.length, 1)
})

await t.test('adopt tells what it takes over, and does it', async t => {
  const { asked, route } = recorded(() => ({ id: 'a1b2' }))
  const world = await World.serve(t, { 'GET /v1/self': async () => SELF, 'POST /v1/adopt': route })
  t.match(await world.berthAtTerminal('yes\n', 'host', 'adopt'), {
    code: 0,
    out: /made on another machine.*host rack1-01 \(a1b2\).*This machine is the host a1b2 now/s,
  })
  t.match(await world.berthAtTerminal('rack1-01\n', 'host', 'adopt'), { code: 1 })
  const { out } = await world.berth('host', 'adopt', '--yes', '--json')
  t.strictSame(JSON.parse(out), { id: 'a1b2' })
  t.equal(asked.length, 2)
})

const awaited = (phase: string, ...names: string[]) =>
  names.map(name => ({ id: `id-${name}`, name, ...(phase ? { phase } : {}) }))

/** A recovery that is begun, waits for fewer at each question, and is over. */
function recoveries(open: boolean) {
  const steps = [
    [...awaited('fenced', 'rack1-02'), ...awaited('', 'rack1-03')],
    awaited('fenced', 'rack1-03'),
    awaited('fenced', 'rack1-03'),
  ]
  let begun = open
  const start = recorded(() => {
    begun = true
    return { id: 'r1', waiting: steps[0] ?? [] }
  })
  return {
    asked: start.asked,
    routes: {
      'POST /v1/recover': start.route,
      'GET /v1/recovery': async () => {
        const waiting = begun ? steps.shift() : undefined
        const since = new Date(Date.now() - 120_500).toISOString()
        if (waiting) return { open: true, id: 'r1', by: 'rack1-01', since, waiting }
        return { open: false, waiting: [] }
      },
    },
  }
}

await t.test('recover begins, shows each change in who is awaited, and its end', async t => {
  const { asked, routes } = recoveries(false)
  const world = await World.serve(t, routes)
  const { code, out, err } = await world.berth('recover', '--yes')
  t.match({ code, err }, { code: 0, err: '' })
  const evict = 'If one of these cannot come back, and its containers are dead: berth host evict ID'
  t.strictSame(out.split('\n'), [
    'AWAITED   PHASE           ID',
    'rack1-02  fenced          id-rack1-02',
    'rack1-03  not yet fenced  id-rack1-03',
    '',
    evict,
    '',
    'AWAITED   PHASE   ID',
    'rack1-03  fenced  id-rack1-03',
    '',
    evict,
    '',
    'The recovery is over: addresses are given again.',
    '',
  ])
  t.equal(asked.length, 1)
})

await t.test('recover --no-wait only begins', async t => {
  const { asked, routes } = recoveries(false)
  const world = await World.serve(t, routes)
  const { code, out } = await world.berth('recover', '--yes', '--no-wait', '--json')
  t.equal(code, 0)
  t.strictSame(JSON.parse(out), {
    id: 'r1',
    waiting: [...awaited('fenced', 'rack1-02'), ...awaited('', 'rack1-03')],
  })
  t.equal(asked.length, 1)
})

await t.test('a recovery that is under way goes on, without a question', async t => {
  const { asked, routes } = recoveries(true)
  const world = await World.serve(t, routes)
  const { code, out, err } = await world.berth('recover', '--json')
  t.match({ code, err }, { code: 0, err: 'A recovery is under way already, begun 2 min ago.\n' })
  t.strictSame(JSON.parse(out), { open: false, waiting: [] })
  t.equal(asked.length, 1, 'in case it was cut short')
})

await t.test('a recovery whose plugin goes away is said to go on', async t => {
  let questions = 0
  const world = await World.serve(t, {
    'GET /v1/recovery': async () => {
      if (questions++ > 0) throw new Refusal('not-ready', 'The plugin cannot answer yet')
      return { open: true, waiting: [] }
    },
    'POST /v1/recover': async () => ({ id: 'r1', waiting: [] }),
  })
  t.match(await world.berth('recover'), {
    code: 1,
    err: /The plugin cannot answer yet \(the recovery goes on; /,
  })
})
