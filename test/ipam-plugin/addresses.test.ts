import fc from 'fast-check'
import t from 'tap'
import {
  contains,
  formatAddress,
  formatSubnet,
  intersection,
  overlap,
  parseAddress,
  parseSubnet,
  rangeOf,
  size,
  usable,
  within,
} from '../../ipam-plugin/addresses.ts'
import type { Range } from '../../ipam-plugin/addresses.ts'

const text = ({ family, first, last }: Range): string =>
  [first, last].map(value => formatAddress({ family, value })).join('-')

const subnet = parseSubnet
const range = (of: string): Range => rangeOf(subnet(of))

await t.test('an address is read and printed as the engine prints it', t => {
  for (const [given, printed] of [
    ['192.0.2.7', '192.0.2.7'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['2001:DB8:0:0:0:0:0:7', '2001:db8::7'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::', '::'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ] as const) {
    t.equal(formatAddress(parseAddress(given)), printed)
  }
  t.end()
})

await t.test('what is not one plain address is refused, and named', t => {
  for (const given of [
    '',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.07',
    '0x10.0.0.1',
    '3221225991',
    ' 192.0.2.7',
    '192.0.2.7/24',
    '192.0.2.7:80',
    '2001:db8::7%eth0',
    '[2001:db8::7]',
    '1::2::3',
    '1:2:3:4:5:6:7',
    'rack1',
  ]) {
    t.throws(() => parseAddress(given), { message: `"${given}" is not an IP address` })
  }
  t.end()
})

await t.test(
  'an IPv4 address in IPv6 clothes is refused: it would be two keys for one address',
  t => {
    t.throws(() => parseAddress('::ffff:192.0.2.7'), { message: /is not an IP address/ })
    t.throws(() => parseAddress('::ffff:c000:207'), { message: /is not an IP address/ })
    t.throws(() => parseSubnet('::ffff:192.0.2.0/120'), { message: /is not an IP address/ })
    t.end()
  },
)

await t.test('every address survives being printed and read, in the form of RFC 5952', t => {
  const oneOf = (bits: number) =>
    fc.array(fc.boolean(), { minLength: bits / 8, maxLength: bits / 8 }).chain(kept =>
      fc.bigInt(0n, (1n << BigInt(bits)) - 1n).map(value => {
        const mask = kept.reduce((sum, keep) => (sum << 8n) | (keep ? 0xffn : 0n), 0n)
        return value & mask
      }),
    )
  fc.assert(
    fc.property(oneOf(32), value => {
      const printed = formatAddress({ family: 4, value })
      t.strictSame(parseAddress(printed), { family: 4, value })
    }),
    { numRuns: 50 },
  )
  fc.assert(
    fc.property(
      oneOf(128).filter(value => value >> 32n !== 0xffffn),
      value => {
        const printed = formatAddress({ family: 6, value })
        t.strictSame(parseAddress(printed), { family: 6, value })
        t.equal(new URL(`http://[${printed}]`).hostname, `[${printed}]`)
      },
    ),
    { numRuns: 100 },
  )
  const group = fc.constantFrom('0', '0', '0', '1', 'a0', 'fff0')
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), groups => {
      const address = parseAddress(groups.join(':'))
      t.equal(`[${formatAddress(address)}]`, new URL(`http://[${groups.join(':')}]`).hostname)
    }),
    { numRuns: 300 },
  )
  t.end()
})

await t.test('a subnet is read and printed', t => {
  for (const given of ['192.0.2.0/29', '10.0.0.0/8', '192.0.2.7/32', '2001:db8::/64', '8000::/1']) {
    t.equal(formatSubnet(subnet(given)), given)
  }
  t.end()
})

await t.test('host bits are refused with the network that was meant', t => {
  for (const [given, meant] of [
    ['192.0.2.1/29', '192.0.2.0/29'],
    ['192.0.2.15/29', '192.0.2.8/29'],
    ['192.0.2.7/31', '192.0.2.6/31'],
    ['2001:db8::5/64', '2001:db8::/64'],
    ['2001:db8::5/127', '2001:db8::4/127'],
  ] as const) {
    const message = `"${given}" has host bits set; the network is ${meant}`
    t.throws(() => subnet(given), { message })
  }
  t.end()
})

await t.test('what is no subnet is refused with the form or the length that is wanted', t => {
  for (const given of [
    '192.0.2.0',
    '192.0.2.0/',
    '192.0.2.0/x',
    '192.0.2.0/-1',
    '192.0.2.0/24/1',
    '',
  ]) {
    t.throws(() => subnet(given), { message: `"${given}" is not a subnet such as 192.0.2.0/24` })
  }
  t.throws(() => subnet('192.0.2.0/33'), { message: /prefix length must be from 1 to 32$/ })
  t.throws(() => subnet('0.0.0.0/0'), { message: /prefix length must be from 1 to 32$/ })
  t.throws(() => subnet('2001:db8::/129'), { message: /prefix length must be from 1 to 128$/ })
  t.throws(() => subnet('rack/24'), { message: '"rack" is not an IP address' })
  t.end()
})

await t.test(
  'network and broadcast address cannot be given, except in subnets too small for them',
  t => {
    for (const [of, whole, given] of [
      ['192.0.2.8/29', '192.0.2.8-192.0.2.15', '192.0.2.9-192.0.2.14'],
      ['192.0.2.8/30', '192.0.2.8-192.0.2.11', '192.0.2.9-192.0.2.10'],
      ['192.0.2.8/31', '192.0.2.8-192.0.2.9', '192.0.2.8-192.0.2.9'],
      ['192.0.2.8/32', '192.0.2.8-192.0.2.8', '192.0.2.8-192.0.2.8'],
      ['2001:db8::8/125', '2001:db8::8-2001:db8::f', '2001:db8::9-2001:db8::f'],
      ['2001:db8::8/126', '2001:db8::8-2001:db8::b', '2001:db8::9-2001:db8::b'],
      ['2001:db8::8/127', '2001:db8::8-2001:db8::9', '2001:db8::8-2001:db8::9'],
      ['2001:db8::8/128', '2001:db8::8-2001:db8::8', '2001:db8::8-2001:db8::8'],
    ] as const) {
      t.equal(text(range(of)), whole)
      t.equal(text(usable(subnet(of))), given)
    }
    t.end()
  },
)

await t.test('size() counts both ends', t => {
  t.equal(size(range('192.0.2.0/29')), 8n)
  t.equal(size(range('192.0.2.1/32')), 1n)
  t.equal(size(range('2001:db8::/64')), 1n << 64n)
  t.end()
})

await t.test('the intersection of two ranges is what both have', t => {
  for (const [a, b, both] of [
    ['192.0.2.0/24', '192.0.2.8/29', '192.0.2.8-192.0.2.15'],
    ['192.0.2.8/29', '192.0.2.8/29', '192.0.2.8-192.0.2.15'],
    ['192.0.2.0/29', '192.0.2.8/29', undefined],
    ['0.0.0.0/1', '::/1', undefined],
  ] as const) {
    for (const found of [intersection(range(a), range(b)), intersection(range(b), range(a))]) {
      t.equal(found && text(found), both)
    }
    t.equal(overlap(subnet(a), subnet(b)), both !== undefined)
  }
  const [low, high] = [
    range('192.0.2.0/29'),
    { family: 4, first: 3221225991n, last: 3221226000n } as const,
  ]
  t.equal(text(intersection(low, high) ?? low), '192.0.2.7-192.0.2.7', 'one address in common')
  t.end()
})

await t.test('within() and contains() take the ends in, and tell the families apart', t => {
  const outer = range('192.0.2.8/29')
  t.ok(within(outer, outer))
  t.ok(within(range('192.0.2.8/32'), outer) && within(range('192.0.2.15/32'), outer))
  t.notOk(within(range('192.0.2.7/32'), outer) || within(range('192.0.2.16/32'), outer))
  t.notOk(within(range('192.0.2.0/28'), outer))
  for (const [address, inside] of [
    ['192.0.2.7', false],
    ['192.0.2.8', true],
    ['192.0.2.15', true],
    ['192.0.2.16', false],
    ['::c000:208', false],
  ] as const) {
    t.equal(contains(outer, parseAddress(address)), inside, address)
  }
  t.notOk(within(range('::c000:208/128'), outer))
  t.end()
})
