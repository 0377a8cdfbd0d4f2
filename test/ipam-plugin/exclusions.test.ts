import fc from 'fast-check'
import t from 'tap'
import { formatAddress, parseSubnet, rangeOf } from '../../ipam-plugin/addresses.ts'
import type { Range } from '../../ipam-plugin/addresses.ts'
import { checkExclusions, parseExclusion, without } from '../../ipam-plugin/exclusions.ts'

const text = ({ family, first, last }: Range): string =>
  [first, last].map(value => formatAddress({ family, value })).join('-')

await t.test('an exclusion is an address, a range of them, or a CIDR', t => {
  for (const [given, range] of [
    ['192.0.2.3', '192.0.2.3-192.0.2.3'],
    ['192.0.2.3-192.0.2.3', '192.0.2.3-192.0.2.3'],
    ['192.0.2.3-192.0.2.9', '192.0.2.3-192.0.2.9'],
    ['192.0.2.8/30', '192.0.2.8-192.0.2.11'],
    ['2001:db8::1-2001:db8::ff', '2001:db8::1-2001:db8::ff'],
    ['2001:db8::/120', '2001:db8::-2001:db8::ff'],
  ] as const) {
    t.equal(text(parseExclusion(given)), range)
  }
  t.end()
})

await t.test('anything else is refused, naming what is wrong', t => {
  for (const [given, message] of [
    ['', /"" is not an IP address/],
    ['rack1', /"rack1" is not an IP address/],
    ['192.0.2.3-', /"" is not an IP address/],
    ['192.0.2.3-4', /"4" is not an IP address/],
    ['192.0.2.3 - 192.0.2.4', /is not an IP address/],
    ['192.0.2.1-192.0.2.2-192.0.2.3', /is not a range/],
    ['192.0.2.9-192.0.2.3', /must lead from a lower address to a higher one/],
    ['192.0.2.9-2001:db8::1', /must lead from a lower address to a higher one/],
    ['192.0.2.9/30', /host bits set; the network is 192.0.2.8\/30/],
    ['192.0.2.0/30-192.0.2.9', /is not a subnet/],
  ] as const) {
    t.throws(() => parseExclusion(given), { message })
  }
  t.end()
})

await t.test('an exclusion that is not inside the subnet is refused by name', t => {
  const subnet = parseSubnet('192.0.2.8/29')
  t.doesNotThrow(() =>
    checkExclusions(['192.0.2.8', '192.0.2.9-192.0.2.15', '192.0.2.8/29'], subnet),
  )
  for (const outside of ['192.0.2.7', '192.0.2.15-192.0.2.16', '192.0.2.0/28', '2001:db8::1']) {
    t.throws(() => checkExclusions(['192.0.2.9', outside], subnet), {
      message: `"${outside}" is not inside 192.0.2.8/29`,
    })
  }
  t.end()
})

await t.test('what is left of a /29 without its exclusions', t => {
  const whole = rangeOf(parseSubnet('192.0.2.0/29'))
  for (const [exclusions, left] of [
    [[], ['192.0.2.0-192.0.2.7']],
    [['192.0.2.3'], ['192.0.2.0-192.0.2.2', '192.0.2.4-192.0.2.7']],
    [['192.0.2.0/31'], ['192.0.2.2-192.0.2.7']],
    [['192.0.2.6/31'], ['192.0.2.0-192.0.2.5']],
    [
      ['192.0.2.6', '192.0.2.1'],
      ['192.0.2.0-192.0.2.0', '192.0.2.2-192.0.2.5', '192.0.2.7-192.0.2.7'],
    ],
    [
      ['192.0.2.2-192.0.2.5', '192.0.2.3', '192.0.2.4-192.0.2.6'],
      ['192.0.2.0-192.0.2.1', '192.0.2.7-192.0.2.7'],
    ],
    [
      ['192.0.2.3', '192.0.2.4'],
      ['192.0.2.0-192.0.2.2', '192.0.2.5-192.0.2.7'],
    ],
    [['192.0.2.0/29'], []],
    [['192.0.2.0/30', '192.0.2.4/30'], []],
    [['192.0.1.0/24', '192.0.3.0/24'], ['192.0.2.0-192.0.2.7']],
    [['192.0.1.0-192.0.2.1', '192.0.2.6-192.0.3.0'], ['192.0.2.2-192.0.2.5']],
    [['2001:db8::/64'], ['192.0.2.0-192.0.2.7']],
  ] as const) {
    t.strictSame(without(whole, exclusions.map(parseExclusion)).map(text), left)
  }
  t.end()
})

await t.test('without() leaves what a list of all addresses would leave', t => {
  const small = fc
    .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 8 }))
    .map(([first, more]): Range => ({
      family: 4,
      first: BigInt(first),
      last: BigInt(first + more),
    }))
  const list = ({ first, last }: Range): bigint[] =>
    Array.from({ length: Number(last - first + 1n) }, (_, i) => first + BigInt(i))
  fc.assert(
    fc.property(small, fc.array(small, { maxLength: 6 }), (range, exclusions) => {
      const gone = new Set(exclusions.flatMap(list))
      const left = without(range, exclusions).flatMap(list)
      t.strictSame(
        left,
        list(range).filter(value => !gone.has(value)),
      )
    }),
    { numRuns: 300 },
  )
  t.end()
})
