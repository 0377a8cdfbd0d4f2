import t from 'tap'
import { parseOptions } from '../../ipam-plugin/options.ts'

await t.test('without options there are the defaults', t => {
  t.strictSame(parseOptions({}), { segment: 'default', exclude: [], cooldownMs: undefined })
  t.end()
})

await t.test('options of others are theirs to read', t => {
  const options = { 'com.docker.network.x': 'y', berth: 'x', 'Berth.segment': 'x', __proto__: 'x' }
  t.match(parseOptions(options), { segment: 'default' })
  t.end()
})

await t.test('each option is parsed', t => {
  const options = {
    'berth.segment': 'lan-7',
    'berth.exclude': '192.0.2.1, 192.0.2.4-192.0.2.6,,2001:db8::/120 ',
    'berth.cooldown': '90s',
  }
  t.strictSame(parseOptions(options), {
    segment: 'lan-7',
    exclude: ['192.0.2.1', '192.0.2.4-192.0.2.6', '2001:db8::/120'],
    cooldownMs: 90_000,
  })
  t.match(parseOptions({ 'berth.cooldown': '30d' }), { cooldownMs: 2_592_000_000 })
  t.match(parseOptions({ 'berth.exclude': '', 'berth.cooldown': '0' }), {
    exclude: [],
    cooldownMs: 0,
  })
  t.end()
})

await t.test('an option that cannot be used is refused with its name, its value and why', t => {
  for (const [name, value, why] of [
    ['berth.segment', 'Lan 7', /Must be 1 to 32 of the characters/],
    ['berth.segment', '', /Must be 1 to 32 of the characters/],
    ['berth.exclude', '192.0.2.1,rack1', /"rack1" is not an IP address/],
    ['berth.exclude', '192.0.2.9/29', /the network is 192.0.2.8\/29/],
    ['berth.cooldown', '60', /a number and a unit/],
    ['berth.cooldown', '31d', /Must be 30d at most/],
    ['berth.exclude', Array(101).fill('192.0.2.1').join(','), /101 items, and 100 are allowed/],
    ['berth.owner', 'mac', /does not keep addresses for owners yet; leave it out/],
    ['berth.owner', 'none', /does not keep addresses for owners yet/],
    ['berth.sticky', '24h', /does not keep addresses for owners yet/],
    [
      'berth.Segment',
      'x',
      /no such option; there are berth.segment, berth.exclude and berth.cooldown/,
    ],
    ['berth.', 'x', /no such option/],
  ] as const) {
    const refused = { name: 'Refusal', code: 'bad-option', message: why }
    t.throws(() => parseOptions({ [name]: value }), refused)
    t.throws(() => parseOptions({ [name]: value }), {
      message: new RegExp(`^Option ${name}=${value}: `),
    })
  }
  t.end()
})
