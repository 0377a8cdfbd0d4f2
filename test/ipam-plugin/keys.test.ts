import fc from 'fast-check'
import t from 'tap'
import { parseAddress, parseSubnet } from '../../ipam-plugin/addresses.ts'
import type { Address } from '../../ipam-plugin/addresses.ts'
import {
  addressKey,
  addressOfKey,
  addressesOf,
  hostKey,
  poolKey,
  RECOVERY,
  seenKey,
  segmentKey,
  segmentOfKey,
} from '../../ipam-plugin/keys.ts'

await t.test('the keys are as hosts of every version know them', t => {
  t.equal(segmentKey('lan-7'), 'v1/segments/lan-7')
  t.equal(poolKey('lan-7', parseSubnet('192.0.2.0/24')), 'v1/pools/lan-7/192.0.2.0/24')
  t.equal(hostKey('0f3c'), 'v1/hosts/0f3c')
  t.equal(seenKey('0f3c'), 'v1/seen/0f3c')
  t.equal(RECOVERY, 'v1/recovery')
  t.equal(addressKey('lan-7', parseAddress('192.0.2.7')), 'v1/addresses/lan-7/4c0000207')
  t.equal(addressKey('lan-7', parseAddress('0.0.0.1')), 'v1/addresses/lan-7/400000001')
  t.equal(
    addressKey('lan-7', parseAddress('2001:db8::7')),
    'v1/addresses/lan-7/620010db8000000000000000000000007',
  )
  t.end()
})

const address = fc.oneof(
  fc.bigInt(0n, (1n << 32n) - 1n).map((value): Address => ({ family: 4, value })),
  fc.bigInt(0n, (1n << 128n) - 1n).map((value): Address => ({ family: 6, value })),
)

await t.test('an address is read back from its key', t => {
  fc.assert(
    fc.property(address, one => t.strictSame(addressOfKey(addressKey('a-6-4', one)), one)),
    { numRuns: 100 },
  )
  t.end()
})

await t.test('a segment is read back from the key of an address, which is among its own', t => {
  fc.assert(
    fc.property(address, one => {
      const key = addressKey('a-6-4', one)
      t.equal(segmentOfKey(key), 'a-6-4')
      t.ok(key.startsWith(addressesOf('a-6-4')))
      t.notOk(key.startsWith(addressesOf('a-6')), 'and among no other’s')
    }),
    { numRuns: 100 },
  )
  t.end()
})

await t.test('keys of one family stand in the order of their numbers', t => {
  fc.assert(
    fc.property(address, address, (a, b) => {
      fc.pre(a.family === b.family)
      t.equal(addressKey('x', a) < addressKey('x', b), a.value < b.value)
    }),
    { numRuns: 100 },
  )
  t.end()
})
