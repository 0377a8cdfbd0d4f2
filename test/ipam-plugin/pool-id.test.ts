import t from 'tap'
import { parseSubnet } from '../../ipam-plugin/addresses.ts'
import { makePool, parsePoolId, parseSegment } from '../../ipam-plugin/pool-id.ts'

await t.test('a pool id says segment, subnet and range, and is read back as the same pool', t => {
  for (const [segment, subnet, range, id] of [
    ['default', '192.0.2.0/24', undefined, 'default~192.0.2.0/24~-'],
    ['default', '192.0.2.0/24', '192.0.2.8/29', 'default~192.0.2.0/24~192.0.2.8/29'],
    ['default', '192.0.2.0/24', '192.0.2.0/24', 'default~192.0.2.0/24~192.0.2.0/24'],
    ['lan-7', '2001:db8::/64', undefined, 'lan-7~2001:db8::/64~-'],
    ['-', '192.0.2.1/32', '192.0.2.1/32', '-~192.0.2.1/32~192.0.2.1/32'],
  ] as const) {
    const pool = makePool(segment, parseSubnet(subnet), range && parseSubnet(range))
    t.equal(pool.id, id)
    t.strictSame(parsePoolId(id), pool)
  }
  t.end()
})

await t.test('a range outside its subnet is refused, naming both', t => {
  for (const range of ['192.0.3.0/29', '192.0.0.0/16', '2001:db8::/64']) {
    t.throws(() => makePool('default', parseSubnet('192.0.2.0/24'), parseSubnet(range)), {
      message: `The range ${range} is not inside 192.0.2.0/24`,
    })
  }
  t.end()
})

await t.test('a text that is no pool id is refused', t => {
  for (const [text, message] of [
    ['', /"" is not a pool id such as default~192.0.2.0\/24~-/],
    ['default', /is not a pool id/],
    ['default~192.0.2.0/24', /is not a pool id/],
    ['default~192.0.2.0/24~-~', /is not a pool id/],
    ['DEFAULT~192.0.2.0/24~-', /1 to 32 of the characters/],
    ['default~192.0.2.1/24~-', /host bits set/],
    ['default~192.0.2.0/24~', /is not a subnet/],
    ['default~192.0.2.0/24~192.0.3.0/29', /is not inside/],
    ['default~192.0.2.0/024~-', /the right one is default~192.0.2.0\/24~-/],
    ['default~2001:DB8::/64~-', /the right one is default~2001:db8::\/64~-/],
  ] as const) {
    t.throws(() => parsePoolId(text), { message })
  }
  t.end()
})

await t.test('a segment is 1 to 32 of the characters a-z, 0-9 and "-"', t => {
  for (const fine of ['a', '0', '-', 'lan-7', 'x'.repeat(32)]) t.equal(parseSegment(fine), fine)
  for (const bad of ['', 'x'.repeat(33), 'Lan', 'a b', 'a/b', 'a~b', 'ä', 'a\n']) {
    t.throws(() => parseSegment(bad), { message: /1 to 32 of the characters a-z, 0-9 and "-"/ })
  }
  t.end()
})
