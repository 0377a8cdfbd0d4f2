import t from 'tap'
import { check } from './checker.ts'
import type { Asked, Call, Event, History, Outcome, Sight, UsedSight } from './record.ts'

const POOL = 'default~192.0.2.0/28~192.0.2.8/29'
const RULES = {
  id: POOL,
  subnet: '192.0.2.0/28',
  range: '192.0.2.8/29',
  exclude: ['192.0.2.9-192.0.2.10'],
}

const unknown: Outcome = { is: 'unknown', why: 'hung up' }

type Part = Partial<History>

await t.test('an address that is given again after its release is no fault', t => {
  t.strictSame(broken({ calls: [gets('a', 0, 1), releases('a', 2, 3), gets('b', 4, 5)] }), [])
  t.end()
})

await t.test('an address may be given again while its release is still under way', t => {
  t.strictSame(broken({ calls: [gets('a', 0, 1), releases('a', 2, 9), gets('b', 4, 5)] }), [])
  t.end()
})

await t.test('a release of unknown outcome ends the use when it was sent', t => {
  const release = releases('a', 2, 3, unknown)
  t.strictSame(broken({ calls: [gets('a', 0, 1), release, gets('b', 4, 5)] }), [])
  t.end()
})

await t.test('an address that two hosts use at once is found', t => {
  const calls = [gets('a', 0, 1), gets('b', 2, 3), releases('a', 4, 5)]
  t.match(broken({ calls }), [/192\.0\.2\.12 is in use twice: by a from 1 ms to 4 ms, and by b/])
  t.end()
})

await t.test('an address that one host gives to two endpoints is found', t => {
  t.match(broken({ calls: [gets('a', 0, 1), gets('a', 0, 2)] }), [/in use twice/])
  t.end()
})

await t.test('an overlap behind a short use is found too', t => {
  const short = [gets('b', 2, 3), releases('b', 4, 5)]
  const found = broken({ calls: [gets('a', 0, 1), ...short, gets('c', 6, 7)] })
  t.match(found, [/by a .* by b/, /by a .* by c/])
  t.end()
})

await t.test('a request without an answer uses nothing', t => {
  t.strictSame(broken({ calls: [gets('a', 0, 1, unknown), gets('b', 2, 3)] }), [])
  t.end()
})

await t.test('an eviction ends the uses of that host, and of no other', t => {
  const calls = [gets('a', 0, 1), gets('b', 7, 8)]
  t.strictSame(broken({ calls, events: [evicted('a', 4, 6)] }), [])
  t.match(broken({ calls, events: [evicted('c', 4, 6)] }), [/in use twice/])
  t.end()
})

await t.test('what an evicted host is answered for an older request may be given again', t => {
  const calls = [gets('a', 0, 9), gets('b', 7, 8)]
  t.strictSame(broken({ calls, events: [evicted('a', 4, 6)] }), [])
  t.end()
})

await t.test('what a host is given after its eviction is its own', t => {
  const calls = [gets('a', 7, 8), gets('b', 9, 10)]
  t.match(broken({ calls, events: [evicted('a', 4, 6)] }), [/in use twice/])
  t.end()
})

await t.test('what an evicted host has kept is in use again from then on', t => {
  const events = [evicted('a', 4, 6), tells('kept', 'a', 8)]
  t.match(broken({ calls: [gets('a', 0, 1), gets('b', 9, 10)], events }), [/in use twice/])
  t.end()
})

await t.test('what a host was seen to have while it was being evicted says nothing', t => {
  const events = [evicted('a', 4, 9), tells('kept', 'a', 8)]
  t.strictSame(broken({ calls: [gets('a', 0, 1), gets('b', 9, 10)], events }), [])
  t.end()
})

await t.test('what a host reports as lost is in use no more', t => {
  const calls = [gets('a', 0, 1), gets('b', 9, 10)]
  t.strictSame(broken({ calls, events: [tells('lost', 'a', 8)] }), [])
  t.end()
})

await t.test('a reboot ends all uses of the host', t => {
  const events = [{ is: 'rebooted', host: 'a', at: 3 }] as const
  t.strictSame(broken({ calls: [gets('a', 0, 1), gets('b', 4, 5)], events }), [])
  t.end()
})

await t.test('an address that is used and a gateway at once is found', t => {
  const share = answered('a', 2, 3, { do: 'gateway' }, { is: 'ok', address: '192.0.2.12' })
  t.match(broken({ calls: [joins('a', 0, 1), share, gets('b', 4, 5)] }), [/a gateway or aux/])
  const gone = [joins('a', 0, 1), share, leaves('a', 4, 5), gets('b', 6, 7)]
  t.strictSame(broken({ calls: gone }), [], 'not after the last network went')
  t.end()
})

await t.test('gateways that differ between hosts are found', t => {
  const share = (host: string, address: string) => [
    joins(host, 0, 1),
    answered(host, 2, 3, { do: 'gateway' }, { is: 'ok', address }),
  ]
  const same = [...share('a', '192.0.2.1'), ...share('b', '192.0.2.1')]
  t.strictSame(broken({ calls: same }), [])
  const differing = [...share('a', '192.0.2.1'), ...share('b', '192.0.2.2')]
  t.match(broken({ calls: differing }), [/192\.0\.2\.1 on a and 192\.0\.2\.2 on b/])
  t.end()
})

await t.test('an answer that was not asked for, or not allowed, is found', t => {
  const gives = (address: string, wanted = {}) => ({
    calls: [answered('a', 0, 1, { do: 'request', mac: 'a0', ...wanted }, { is: 'ok', address })],
  })
  t.strictSame(broken(gives('192.0.2.12')), [])
  t.match(broken(gives('192.0.2.2')), [/not in 192\.0\.2\.8\/29/])
  t.strictSame(broken(gives('192.0.2.2', { address: '192.0.2.2' })), [], 'outside the range')
  t.match(broken(gives('192.0.2.10')), [/192\.0\.2\.9-192\.0\.2\.10 excludes/])
  t.match(broken(gives('192.0.2.3', { address: '192.0.2.2' })), [/asked for 192\.0\.2\.2/])
  const retry = { do: 'retry', method: 'RequestAddress' } as const
  const given = answered('a', 0, 1, retry, { is: 'ok', address: '192.0.2.12' })
  t.match(broken({ calls: [given] }), [/lost its body/])
  t.end()
})

await t.test('an address in use that the store does not have, or for another, is found', t => {
  const calls = [gets('a', 0, 1)]
  t.strictSame(broken({ calls, sights: [sight([used('a')])] }), [])
  t.match(broken({ calls, sights: [sight([])] }), [/12 vanished: a uses it since 1 ms/])
  t.match(broken({ calls, sights: [sight([used('b')])] }), [/12 vanished/])
  const set = { is: 'restored', at: 19, until: 30 } as const
  t.strictSame(broken({ calls, sights: [sight([])], events: [set] }), [], 'but for a restored one')
  t.end()
})

await t.test('a record that nobody uses has leaked, once everything is settled', t => {
  const calls = [gets('a', 0, 1), releases('a', 2, 3)]
  const left = [used('a')]
  t.strictSame(broken({ calls, sights: [sight(left)] }), [])
  t.match(broken({ calls, sights: [settled(left)] }), [/12 leaked: a .* last release .*: ok/])
  const refused = [gets('a', 0, 1, { is: 'refused', why: 'deadline' })]
  t.match(broken({ calls: refused, sights: [settled(left)] }), [/leaked: .*: refused deadline/])
  t.end()
})

await t.test('a leak is by design where an answer was not heard, until a reboot', t => {
  const claim = { calls: [gets('a', 0, 1, unknown)], sights: [settled([used('a')])] }
  t.match(check(history(claim)), { broken: [], leaks: [{ by: 'request' }] })
  const release = {
    calls: [gets('a', 0, 1), releases('a', 2, 3, unknown)],
    sights: [settled([used('a')])],
  }
  t.match(check(history(release)), { broken: [], leaks: [{ by: 'release' }] })
  const events = [{ is: 'rebooted', host: 'a', at: 4 }] as const
  t.match(broken({ ...claim, events }), [/12 leaked/])
  t.match(broken({ ...release, events }), [/12 leaked/])
  const again = [{ ...used('a'), mac: undefined }]
  t.strictSame(
    broken({ ...claim, sights: [settled(again)] }),
    [],
    'also where it was claimed again',
  )
  const others = { ...claim, sights: [settled([used('b')])] }
  t.match(broken(others), [/12 leaked: b/], "another host's unheard answer explains nothing")
  t.end()
})

await t.test('a record of a generation that an eviction ended is found', t => {
  const sights = [{ ...sight([used('a')]), generations: { a: 2 } }]
  const calls = [gets('a', 7, 8)]
  t.match(broken({ calls, sights, events: [evicted('a', 4, 6)] }), [/generation 1, which ended/])
  t.strictSame(broken({ calls, sights, events: [evicted('a', 4, 25)] }), [], 'not meanwhile')
  t.end()
})

await t.test("a pool's users in the store are the hosts that have networks of it", t => {
  const users = (of: Record<string, string[]>) => ({
    sights: [{ ...settled([]), users: of }],
  })
  t.strictSame(broken({ calls: [joins('a', 0, 1)], ...users({ a: [POOL] }) }), [])
  t.match(broken({ calls: [joins('a', 0, 1)], ...users({}) }), [/is no user/])
  const gone = [joins('a', 0, 1), leaves('a', 2, 3)]
  t.match(broken({ calls: gone, ...users({ a: [POOL] }) }), [/has no network/])
  const perhaps = [joins('a', 0, 1), leaves('a', 2, 3, unknown)]
  t.strictSame(broken({ calls: perhaps, ...users({ a: [POOL] }) }), [])
  t.strictSame(broken({ calls: perhaps, ...users({}) }), [])
  t.end()
})

function gets(host: string, sent: number, ended: number, outcome?: Outcome): Call {
  const ok = { is: 'ok', address: '192.0.2.12' } as const
  return answered(host, sent, ended, { do: 'request', mac: `${host}0` }, outcome ?? ok)
}

function releases(host: string, sent: number, ended: number, outcome?: Outcome): Call {
  return answered(host, sent, ended, { do: 'release', address: '192.0.2.12' }, outcome)
}

function joins(host: string, sent: number, ended: number): Call {
  return answered(host, sent, ended, { do: 'join' })
}

function leaves(host: string, sent: number, ended: number, outcome?: Outcome): Call {
  return answered(host, sent, ended, { do: 'leave' }, outcome)
}

function answered(
  host: string,
  sent: number,
  ended: number,
  asked: Asked,
  outcome: Outcome = { is: 'ok' },
): Call {
  return { host, pool: POOL, sent, ended, asked, outcome }
}

function evicted(host: string, at: number, until: number): Event {
  return { is: 'evicted', host, at, until }
}

function tells(is: 'kept' | 'lost', host: string, at: number): Event {
  return { is, host, at, addresses: ['192.0.2.12'] }
}

function used(host: string): UsedSight {
  return { address: '192.0.2.12', host, generation: 1, mac: `${host}0` }
}

function sight(of: readonly UsedSight[]): Sight {
  return { sent: 20, ended: 21, settled: false, used: of, generations: {}, users: {} }
}

function settled(of: readonly UsedSight[]): Sight {
  return { ...sight(of), settled: true }
}

function history(part: Part): History {
  return { pools: [RULES], calls: [], events: [], sights: [], ...part }
}

function broken(part: Part): readonly string[] {
  return check(history(part)).broken
}
