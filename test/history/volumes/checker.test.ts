import t from 'tap'
import { check } from './checker.ts'
import type { Call, History, Hold, Outcome } from './record.ts'

type Part = Partial<History>

await t.test('hosts may have a shared volume at once, and an exclusive one in turn', t => {
  const shared = [holds('a', 0, 9, { exclusive: false }), holds('b', 1, 2, { exclusive: false })]
  t.strictSame(broken({ holds: shared }), [])
  t.strictSame(broken({ holds: [holds('a', 0, 1), holds('b', 2, 3)] }), [])
  t.end()
})

await t.test('two hosts on an exclusive volume are found', t => {
  t.match(broken({ holds: [holds('a', 0, 5), holds('b', 4, 6)] }), [/b has it from 4 ms on/])
  t.match(broken({ holds: [holds('b', 4, 6), holds('a', 0, Infinity)] }), [/while a has it/])
  t.end()
})

await t.test('what an operator took from a host may be had by another', t => {
  const events = [{ is: 'broken', host: 'a', volume: 'web', at: 3 }] as const
  t.strictSame(broken({ holds: [holds('a', 0, 9), holds('b', 4, 6)], events }), [])
  t.match(broken({ holds: [holds('a', 0, 9), holds('b', 2, 6)], events }), [/exclusive/])
  t.end()
})

await t.test('two users of an exclusive volume in the store are found', t => {
  const state = { volume: 'web', revision: '7', exclusive: true, users: ['a', 'b'] }
  t.match(broken({ states: [state] }), [/a and b at 7/])
  t.strictSame(broken({ states: [{ ...state, exclusive: false }] }), [])
  t.end()
})

await t.test('a volume that is there and is denied is found', t => {
  const no: Outcome = { is: 'refused', why: 'no such volume: web' }
  const there = call('Create', 0, 1)
  t.match(broken({ calls: [there, call('Get', 2, 3, no)] }), [/told: no such volume/])
  t.strictSame(broken({ calls: [call('Get', 0, 2, no), there] }), [], 'not before')
  const removed = [there, call('Remove', 2, 3), call('Get', 4, 5, no)]
  t.strictSame(broken({ calls: removed }), [])
  t.strictSame(broken({ calls: [there, call('Get', 2, 5, no), call('Remove', 3, 9)] }), [])
  const back = [...removed, call('restore', 6, 7), call('Mount', 8, 9, no)]
  t.match(broken({ calls: back }), [/since 7 ms/])
  t.end()
})

await t.test('what was written and is not found is found', t => {
  const [first, later] = [holds('a', 0, 2, { mark: 'x', wrote: 1 }), holds('b', 3, 4)]
  t.match(broken({ holds: [first, later] }), [/b does not find x in web/])
  t.strictSame(broken({ holds: [first, { ...later, found: ['x'] }] }), [])
  t.strictSame(broken({ holds: [{ ...first, wrote: Infinity }, later] }), [], 'unless half written')
  t.strictSame(broken({ holds: [first, { ...later, folder: 'other' }] }), [])
  t.end()
})

function holds(host: string, from: number, to: number, more: Partial<Hold> = {}): Hold {
  const hold = {
    host,
    volume: 'web',
    folder: 'web',
    exclusive: true,
    from,
    to,
    found: [],
    mark: host,
  }
  return { ...hold, wrote: Infinity, ...more }
}

function call(
  what: Call['do'],
  sent: number,
  ended: number,
  outcome: Outcome = { is: 'ok' },
): Call {
  return { host: 'a', volume: 'web', do: what, sent, ended, outcome }
}

function broken(part: Part): readonly string[] {
  return check({ calls: [], holds: [], events: [], states: [], left: [], ...part })
}
