import fc from 'fast-check'
import t from 'tap'
import { formatSubnet, overlap, parseAddress, parseSubnet } from '../../ipam-plugin/addresses.ts'
import {
  SHARED_LIMIT,
  created,
  firstGap,
  gatewayFor,
  isEmpty,
  isUsed,
  joined,
  left,
  overlapping,
  withAux,
  withoutShared,
} from '../../ipam-plugin/pool-changes.ts'
import type { JoinRequest } from '../../ipam-plugin/pool-changes.ts'
import { makePool } from '../../ipam-plugin/pool-id.ts'
import { exclusionsOf } from '../../ipam-plugin/records.ts'
import type { PoolRecord } from '../../ipam-plugin/records.ts'

const subnet = parseSubnet('192.0.2.0/29')
const pool = makePool('lan', subnet, undefined)
const ranged = makePool('lan', subnet, parseSubnet('192.0.2.4/30'))
const machine = { product: '', macs: [] }
const one = { id: 'id-1', name: 'rack1', boot: 'b', machine }
const two = { id: 'id-2', name: 'rack2', boot: 'b', machine }
const request: JoinRequest = { pool, exclude: [], cooldownMs: undefined, automatic: false }

const made = (by = one, wish: Partial<JoinRequest> = {}): PoolRecord =>
  joined(created(by, { ...request, ...wish }), by, 1, { ...request, ...wish })

await t.test('a new pool rests its addresses for 60 s, or as its maker says', t => {
  t.strictSame(created(one, request), { aux: [], cooldown: { ms: 60_000, by: 'rack1' }, users: {} })
  t.match(created(one, { ...request, cooldownMs: 0 }), { cooldown: { ms: 0, by: 'rack1' } })
  t.match(created(one, { ...request, automatic: true }), { automatic: 'id-1' })
  t.end()
})

await t.test('a host that joins is among the users, with its pools', t => {
  const record = joined(joined(made(), one, 1, { ...request, pool: ranged }), two, 1, request)
  t.strictSame(record.users, {
    'id-1': { name: 'rack1', generation: 1, pools: { [pool.id]: [], [ranged.id]: [] } },
    'id-2': { name: 'rack2', generation: 1, pools: { [pool.id]: [] } },
  })
  t.end()
})

await t.test('joining twice is the same as joining once', t => {
  t.strictSame(joined(made(), one, 1, request), made())
  t.end()
})

await t.test('exclusions add up, over networks and over hosts, each once', t => {
  let record = made(one, { exclude: ['192.0.2.1'] })
  record = joined(record, one, 1, { ...request, exclude: ['192.0.2.2', '192.0.2.1'] })
  record = joined(record, one, 1, request)
  record = joined(record, two, 1, { ...request, exclude: ['192.0.2.3'] })
  t.strictSame(exclusionsOf(record), [
    { text: '192.0.2.1', by: 'rack1' },
    { text: '192.0.2.2', by: 'rack1' },
    { text: '192.0.2.3', by: 'rack2' },
  ])
  t.end()
})

await t.test('another rest than the pool has is refused, naming the host and both', t => {
  const record = made(one, { cooldownMs: 90_000 })
  t.doesNotThrow(() => joined(record, two, 1, { ...request, cooldownMs: 90_000 }))
  t.doesNotThrow(() => joined(record, two, 1, request))
  t.throws(() => joined(record, two, 1, { ...request, cooldownMs: 0 }), {
    name: 'Refusal',
    code: 'pool-conflict',
    message: /192\.0\.2\.0\/29 has berth.cooldown=90000ms, set on host rack1: 0ms differs/,
  })
  t.end()
})

await t.test('an automatic pool is of its host alone', t => {
  const record = made(one, { automatic: true })
  t.doesNotThrow(() => joined(record, one, 1, request))
  const refused = {
    code: 'pool-conflict',
    message: /automatically for a network of host rack1; name another --subnet/,
  }
  t.throws(() => joined(record, two, 1, request), refused)
  t.throws(() => joined({ ...record, users: {} }, two, 1, request), { message: /host id-1/ })
  t.end()
})

await t.test('a host leaves one pool at a time, and is gone with its last', t => {
  const both = joined(joined(made(), one, 1, { ...request, pool: ranged }), two, 1, request)
  const first = left(both, one.id, pool)
  t.strictSame(first.users, {
    'id-1': { name: 'rack1', generation: 1, pools: { [ranged.id]: [] } },
    'id-2': { name: 'rack2', generation: 1, pools: { [pool.id]: [] } },
  })
  t.ok(isUsed(first, pool) && isUsed(first, ranged))
  const second = left(first, one.id, ranged)
  t.notOk(isUsed(second, ranged))
  t.notOk(isEmpty(second))
  t.ok(isEmpty(left(second, two.id, pool)))
  t.end()
})

await t.test('leaving what one does not use changes nothing', t => {
  t.equal(left(made(), two.id, pool).users['id-1']?.name, 'rack1')
  t.strictSame(left(made(), one.id, ranged), made())
  t.strictSame(left(made(), two.id, pool), made())
  t.end()
})

await t.test('what a host excluded goes with it', t => {
  const record = joined(made(one, { exclude: ['192.0.2.1'] }), two, 1, {
    ...request,
    exclude: ['192.0.2.2'],
  })
  t.strictSame(exclusionsOf(left(record, one.id, pool)), [{ text: '192.0.2.2', by: 'rack2' }])
  t.end()
})

const gateway = { address: '192.0.2.1', by: 'rack1' }

await t.test('the gateway is the one that stands, else the one that is wanted', t => {
  const [first, other] = [parseAddress('192.0.2.1'), parseAddress('192.0.2.6')]
  t.equal(gatewayFor(undefined, undefined, pool), undefined)
  t.equal(gatewayFor(undefined, other, pool), other)
  t.strictSame(gatewayFor(gateway, undefined, pool), first)
  t.strictSame(gatewayFor(gateway, first, pool), first)
  t.end()
})

await t.test('another gateway than the pool has is refused, naming the host and both', t => {
  t.throws(() => gatewayFor(gateway, parseAddress('192.0.2.6'), pool), {
    name: 'Refusal',
    code: 'pool-conflict',
    message:
      /^The gateway of 192\.0\.2\.0\/29 is 192\.0\.2\.1, set on host rack1; 192\.0\.2\.6 differs/,
  })
  t.end()
})

await t.test('auxiliary addresses are kept sorted, each once, the gateway not among them', t => {
  let record: PoolRecord = { ...made(), gateway }
  for (const text of ['192.0.2.3', '192.0.2.2', '192.0.2.3', '192.0.2.1']) {
    record = withAux(record, parseAddress(text), pool)
  }
  t.strictSame(record.aux, ['192.0.2.2', '192.0.2.3'])
  t.end()
})

await t.test('one auxiliary address more than a transaction can take along is refused', t => {
  const aux = Array.from({ length: SHARED_LIMIT }, (_, i) => `192.0.3.${i}`)
  const record = { ...made(), aux }
  t.equal(withAux(record, parseAddress('192.0.3.7'), pool), record, 'one that is there is fine')
  t.throws(() => withAux(record, parseAddress('192.0.2.1'), pool), {
    code: 'too-many-shared',
    message: /has 100 auxiliary addresses already; exclude more with berth.exclude/,
  })
  t.end()
})

await t.test('gateway and auxiliary addresses go once nobody shares them', t => {
  const record: PoolRecord = { ...made(), gateway, aux: ['192.0.2.2', '192.0.2.3'] }
  t.strictSame(withoutShared(record, []), record)
  t.strictSame(withoutShared(record, ['192.0.2.2']), { ...record, aux: ['192.0.2.3'] })
  const gone = withoutShared(record, ['192.0.2.1', '192.0.2.2', '192.0.2.3'])
  t.strictSame(gone, { ...made(), aux: [] })
  t.end()
})

await t.test('the subnets that a subnet overlaps with, itself left out', t => {
  const segment = { subnets: ['192.0.2.0/29', '192.0.2.8/29', '10.0.0.0/8', '2001:db8::/64'] }
  const found = (text: string) => overlapping(segment, parseSubnet(text)).map(formatSubnet)
  t.strictSame(found('192.0.2.0/29'), [])
  t.strictSame(found('192.0.2.0/24'), ['192.0.2.0/29', '192.0.2.8/29'])
  t.strictSame(found('192.0.2.0/28'), ['192.0.2.0/29', '192.0.2.8/29'])
  t.strictSame(found('10.1.2.3/32'), ['10.0.0.0/8'])
  t.strictSame(found('2001:db8::4/127'), ['2001:db8::/64'])
  t.strictSame(found('192.0.2.16/29'), [])
  t.end()
})

await t.test('the first gap between the subnets that are taken', t => {
  const gap = (base: string, length: number, taken: readonly string[]) => {
    const found = firstGap(parseSubnet(base), length, taken.map(parseSubnet))
    return found && formatSubnet(found)
  }
  for (const [base, length, taken, found] of [
    ['10.200.0.0/16', 24, [], '10.200.0.0/24'],
    ['10.200.0.0/16', 24, ['10.200.0.0/24', '10.200.1.0/24'], '10.200.2.0/24'],
    ['10.200.0.0/16', 24, ['10.200.1.0/24'], '10.200.0.0/24'],
    ['10.200.0.0/16', 24, ['10.200.0.128/25'], '10.200.1.0/24'],
    ['10.200.0.0/16', 24, ['10.200.0.0/17'], '10.200.128.0/24'],
    ['10.200.0.0/16', 24, ['10.0.0.0/8'], undefined],
    ['10.200.0.0/16', 16, [], '10.200.0.0/16'],
    ['10.200.0.0/16', 16, ['10.200.255.255/32'], undefined],
    ['192.0.2.0/30', 32, ['192.0.2.0/31', '192.0.2.2/32'], '192.0.2.3/32'],
    ['192.0.2.0/30', 31, ['192.0.2.1/32', '192.0.2.2/32'], undefined],
    ['255.255.255.0/24', 25, ['255.255.255.0/25'], '255.255.255.128/25'],
    ['2001:db8::/32', 64, ['2001:db8::/64', '10.0.0.0/8'], '2001:db8:0:1::/64'],
    ['2001:db8::/127', 128, ['2001:db8::/128'], '2001:db8::1/128'],
  ] as const) {
    t.equal(gap(base, length, taken), found, `${base},${length} without ${taken.join(' ')}`)
  }
  t.end()
})

await t.test('firstGap() finds what trying one after the other finds', t => {
  const base = parseSubnet('192.0.2.0/26')
  const inside = fc
    .tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 26, max: 32 }))
    .map(([host, length]) => {
      const size = 1n << BigInt(32 - length)
      return { family: 4, base: base.base + (BigInt(host) / size) * size, length } as const
    })
  fc.assert(
    fc.property(
      fc.array(inside, { maxLength: 12 }),
      fc.integer({ min: 26, max: 32 }),
      (taken, length) => {
        const all = Array.from({ length: 2 ** (length - 26) }, (_, i) => ({
          family: 4 as const,
          base: base.base + BigInt(i) * (1n << BigInt(32 - length)),
          length,
        }))
        const wanted = all.find(subnet => !taken.some(other => overlap(other, subnet)))
        t.strictSame(firstGap(base, length, taken), wanted)
      },
    ),
    { numRuns: 300 },
  )
  t.end()
})
