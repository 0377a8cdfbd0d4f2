import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { formatAddress, parseAddress, parseSubnet } from '../../ipam-plugin/addresses.ts'
import { Candidates } from '../../ipam-plugin/candidates.ts'
import { addressKey, poolKey } from '../../ipam-plugin/keys.ts'
import { makePool } from '../../ipam-plugin/pool-id.ts'
import type { Pool } from '../../ipam-plugin/pool-id.ts'
import { write } from '../../ipam-plugin/records.ts'
import type { AddressRecord } from '../../ipam-plugin/records.ts'
import type { Store } from '../../shared/store.ts'
import { openStore, put } from '../shared/open-store.ts'

const shared: AddressRecord = { state: 'shared', pools: [] }
const resting = (ms: number): AddressRecord => ({ state: 'idle', until: Date.now() + ms })

t.setTimeout(180_000)

await t.test('a /29 is counted through in order, and then it is full', async t => {
  const world = await openPool(t, '192.0.2.8/29')
  t.strictSame(await world.takeAll(), ['.9', '.10', '.11', '.12', '.13', '.14'])
})

await t.test('where hosts share a pool, each begins at its own place, always the same', async t => {
  const { store, pool } = await openPool(t, '192.0.2.0/24')
  const first = async (origin: string) =>
    (await new Candidates(store, pool, () => false, origin).next())?.value
  const found = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(first))
  t.equal(new Set(found).size, 5, found.join(' '))
  t.equal(await first('a'), found[0])
})

await t.test('hosts that meet part: a race lost is the only one', async t => {
  const { store, pool } = await openPool(t, '172.16.0.0/16')
  const two = [0, 1].map(() => new Candidates(store, pool, () => false, 'the same place'))
  const [mine, other] = await Promise.all(two.map(one => one.next()))
  t.equal(mine?.value, other?.value, 'they meet')
  two[1]?.elsewhere()
  const taken = new Set<bigint | undefined>()
  for (let i = 0; i < 100; i++) for (const one of two) taken.add((await one.next())?.value)
  t.equal(taken.size, 200)
})

await t.test('from wherever it begins, it comes round to all', async t => {
  const { store, pool } = await openPool(t, '192.0.2.0/28', { range: '192.0.2.8/29' })
  const all = ['.8', '.9', '.10', '.11', '.12', '.13', '.14']
  const firsts = new Set<string | undefined>()
  for (const origin of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const taken = new Set<string>()
    const candidates = new Candidates(store, pool, key => taken.has(key), origin)
    const found = await takeFrom(candidates, taken, pool)
    firsts.add(found[0])
    const at = all.indexOf(found[0] ?? '')
    t.strictSame(found, [...all.slice(at), ...all.slice(0, at)], `from ${found[0]}, in order`)
  }
  t.ok(firsts.size > 1)
})

await t.test('pools of one or two addresses have them all', async t => {
  for (const [subnet, all] of [
    ['192.0.2.8/30', ['.9', '.10']],
    ['192.0.2.8/31', ['.8', '.9']],
    ['192.0.2.8/32', ['.8']],
    ['2001:db8::8/127', ['2001:db8::8', '2001:db8::9']],
    ['2001:db8::8/128', ['2001:db8::8']],
    ['2001:db8::8/126', ['2001:db8::9', '2001:db8::a', '2001:db8::b']],
  ] as const) {
    await t.test(subnet, async t => {
      const world = await openPool(t, subnet)
      t.strictSame(await world.takeAll(), all)
    })
  }
})

await t.test('only the range is picked from, without what may not be given of it', async t => {
  const world = await openPool(t, '192.0.2.0/28', { range: '192.0.2.8/29' })
  t.strictSame(await world.takeAll(), ['.8', '.9', '.10', '.11', '.12', '.13', '.14'])
})

await t.test('used, shared and excluded addresses are passed over', async t => {
  const world = await openPool(t, '192.0.2.8/29', { exclude: ['192.0.2.10', '192.0.2.13/32'] })
  await world.put('192.0.2.9', shared)
  t.strictSame(await world.takeAll(), ['.11', '.12', '.14'])
})

await t.test('a pool whose every address is excluded is full', async t => {
  const world = await openPool(t, '192.0.2.8/29', { exclude: ['192.0.2.8/29'] })
  t.strictSame(await world.takeAll(), [])
})

await t.test('a pool without a record has no addresses to give', async t => {
  const world = await openPool(t, '192.0.2.8/29')
  await world.store.commit({ require: [], write: [{ delete: poolKey('lan', world.pool.subnet) }] })
  t.strictSame(await world.takeAll(), [])
})

await t.test('an address that rests is left alone while others are free', async t => {
  const world = await openPool(t, '192.0.2.8/29')
  await world.put('192.0.2.9', resting(60_000))
  await world.put('192.0.2.11', resting(-1))
  t.strictSame(await world.take(5), ['.10', '.11', '.12', '.13', '.14'])
})

await t.test('where none is free, the one that has rested longest comes first', async t => {
  const world = await openPool(t, '192.0.2.8/29')
  for (const [last, ms] of [
    [9, 50_000],
    [10, 20_000],
    [11, 40_000],
    [12, 10_000],
  ] as const) {
    await world.put(`192.0.2.${last}`, resting(ms))
  }
  t.strictSame(await world.takeAll(), ['.13', '.14', '.12', '.10', '.11', '.9'])
})

await t.test(
  'it goes on behind the last one, so that a released address is not the next',
  async t => {
    const world = await openPool(t, '192.0.2.0/24')
    const [first] = await world.take(200)
    world.taken.clear()
    t.strictSame(await world.take(1), ['.201'])
    t.equal(first, '.1')
  },
)

await t.test('after a whole cycle it begins again with what is free then', async t => {
  const world = await openPool(t, '192.0.2.8/29')
  await world.take(6)
  world.taken.delete(addressKey('lan', parseAddress('192.0.2.10')))
  t.strictSame(await world.takeAll(), ['.10'])
})

await t.test('a pick costs one read, whatever the size of the pool', async t => {
  for (const subnet of ['192.0.2.0/24', '10.0.0.0/8', '2001:db8::/64']) {
    await t.test(subnet, async t => {
      const world = await openPool(t, subnet)
      await world.take(200)
      t.equal(world.reads.length, 1)
      t.ok((world.reads[0] ?? 0) <= 256)
    })
  }
})

await t.test('a full /20 is known to be full after a few reads that grow', async t => {
  const world = await openPool(t, '10.0.0.0/20', { isTaken: () => true })
  t.equal(await world.candidates.next(), undefined)
  t.strictSame(world.reads, [256, 1024, 2814])
})

await t.test('a search that takes too long is ended, and the next goes on from there', async t => {
  let asked = 0
  const world = await openPool(t, '10.0.0.0/8', { isTaken: () => ++asked < 300_000 })
  const list = world.store.list.bind(world.store)
  world.store.list = async (...args) => {
    await sleep(400)
    return await list(...args)
  }
  await t.rejects(world.candidates.next(), {
    name: 'Refusal',
    code: 'deadline',
    message: /^No free address found in 10\.0\.0\.0\/8 among the \d+ looked at in time; ask again/,
  })
  const looked = asked
  asked = 300_000
  const found = await world.candidates.next()
  t.equal(found?.value, parseAddress('10.0.0.1').value + BigInt(looked))
})

await t.test('many who ask at once share one read, and each gets another address', async t => {
  const world = await openPool(t, '192.0.2.0/24')
  const picked = await Promise.all(Array.from({ length: 254 }, () => world.candidates.next()))
  t.equal(new Set(picked.map(one => one?.value)).size, 254)
  t.equal(world.reads.length, 1)
})

await t.test(
  'of many who ask at once for fewer addresses, the rest hear that it is full',
  async t => {
    const world = await openPool(t, '192.0.2.8/29')
    const picked = await Promise.all(
      Array.from({ length: 9 }, async () => (await world.take(1))[0]),
    )
    const given = picked.filter(one => one !== undefined)
    t.strictSame(new Set(given), new Set(['.9', '.10', '.11', '.12', '.13', '.14']))
  },
)

await t.test('exclusions that other hosts add arrive with the next window', async t => {
  const world = await openPool(t, '10.0.0.0/16')
  await world.take(256)
  await world.exclude(['10.0.1.1-10.0.1.9'])
  t.strictSame(await world.take(1), ['10.0.1.10'])
})

await t.test('once what was read ahead is forgotten, an exclusion holds', async t => {
  const world = await openPool(t, '192.0.2.8/29')
  t.strictSame(await world.take(1), ['.9'])
  await world.exclude(['192.0.2.10'])
  world.candidates.forget()
  t.strictSame(await world.take(1), ['.11'])
})

await t.test('what is being read ahead while it is forgotten is not served either', async t => {
  const world = await openPool(t, '192.0.2.8/29')
  const list = world.store.list.bind(world.store)
  world.store.list = async (...args) => {
    await sleep(100)
    return await list(...args)
  }
  const early = world.take(1)
  await sleep(20)
  await world.exclude(['192.0.2.10'])
  world.candidates.forget()
  await early
  t.notOk((await world.takeAll()).includes('.10'))
})

await t.test('a candidate comes with the entry that it was read with', async t => {
  const world = await openPool(t, '192.0.2.8/29')
  await world.put('192.0.2.9', resting(-1))
  const [rested, fresh] = [await world.candidates.next(), await world.candidates.next()]
  t.strictSame(rested?.entry, await world.store.get(addressKey('lan', parseAddress('192.0.2.9'))))
  t.match(fresh, { entry: undefined })
})

type PoolWorld = {
  readonly store: Store
  readonly pool: Pool
  readonly candidates: Candidates
  /** What this host holds: whoever takes a candidate holds it. */
  readonly taken: Set<string>
  /** How many addresses each list of the store asked for. */
  readonly reads: number[]
  readonly put: (address: string, record: AddressRecord) => Promise<void>
  readonly exclude: (exclusions: readonly string[]) => Promise<void>
  readonly take: (count: number) => Promise<string[]>
  readonly takeAll: () => Promise<string[]>
}

type PoolWish = {
  readonly range?: string
  readonly exclude?: readonly string[]
  readonly isTaken?: (key: string) => boolean
}

async function openPool(t: Test, subnet: string, wish: PoolWish = {}): Promise<PoolWorld> {
  const store = await openStore(t)
  const range = wish.range === undefined ? undefined : parseSubnet(wish.range)
  const pool = makePool('lan', parseSubnet(subnet), range)
  const taken = new Set<string>()
  const reads: number[] = []
  const list = store.list.bind(store)
  store.list = async (from, to, limit) => {
    reads.push(limit)
    return await list(from, to, limit)
  }
  const exclude = async (exclusions: readonly string[]) =>
    await put(store, poolKey('lan', pool.subnet), specWith(pool, exclusions))
  await exclude(wish.exclude ?? [])
  const isTaken = wish.isTaken ?? (key => taken.has(key))
  const candidates = new Candidates(store, pool, isTaken, undefined)
  const take = async (count: number) => await takeFrom(candidates, taken, pool, count)
  return {
    store,
    pool,
    candidates,
    taken,
    reads,
    put: (address, record) => put(store, addressKey('lan', parseAddress(address)), write(record)),
    exclude,
    take,
    takeAll: () => take(Infinity),
  }
}

async function takeFrom(
  candidates: Candidates,
  taken: Set<string>,
  { subnet }: Pool,
  count = Infinity,
): Promise<string[]> {
  const got: string[] = []
  while (got.length < count) {
    const candidate = await candidates.next()
    if (!candidate) break
    const address = { family: subnet.family, value: candidate.value }
    taken.add(addressKey('lan', address))
    got.push(formatAddress(address).replace(/^192\.0\.2/, ''))
  }
  return got
}

function specWith({ id }: Pool, exclude: readonly string[]): string {
  return write({
    aux: [],
    cooldown: { ms: 0, by: 'rack1' },
    users: { h: { name: 'rack1', generation: 1, pools: { [id]: [...exclude] } } },
  })
}
