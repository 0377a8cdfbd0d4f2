import fc from 'fast-check'
import t from 'tap'
import { parseAddress } from '../../ipam-plugin/addresses.ts'
import type { Range } from '../../ipam-plugin/addresses.ts'
import { addressKey } from '../../ipam-plugin/keys.ts'
import { parsePoolId } from '../../ipam-plugin/pool-id.ts'
import { write } from '../../ipam-plugin/records.ts'
import type { AddressRecord } from '../../ipam-plugin/records.ts'
import { FIRST_WINDOW, look, nextSize, windowAt } from '../../ipam-plugin/window.ts'
import type { Entry, Revision } from '../../shared/store.ts'

const range = (first: number, last: number): Range => ({
  family: 4,
  first: BigInt(first),
  last: BigInt(last),
})
const numbers = ({ first, last }: Range): number[] =>
  Array.from({ length: Number(last - first + 1n) }, (_, i) => Number(first) + i)

await t.test('a window begins at its position, and ends at its size or with the range', t => {
  const ranges = [range(1, 6), range(10, 12)]
  for (const [position, atMost, window] of [
    [1, 3, range(1, 3)],
    [4, 3, range(4, 6)],
    [5, 3, range(5, 6)],
    [1, 256, range(1, 6)],
    [11, 256, range(11, 12)],
  ] as const) {
    t.strictSame(windowAt(ranges, BigInt(position), BigInt(atMost)), window)
  }
  t.end()
})

await t.test('between two ranges it goes on at the next, behind the last at the first', t => {
  const ranges = [range(1, 6), range(10, 12)]
  for (const position of [7, 9, 10]) {
    t.strictSame(windowAt(ranges, BigInt(position), 2n), range(10, 11))
  }
  for (const position of [0, 13, 4_000_000_000]) {
    t.strictSame(windowAt(ranges, BigInt(position), 2n), range(1, 2))
  }
  t.end()
})

await t.test('there is no window without a range', t => {
  t.equal(windowAt([], 0n, 256n), undefined)
  t.end()
})

const someRanges = fc
  .array(fc.tuple(fc.integer({ min: 2, max: 9 }), fc.integer({ min: 0, max: 20 })), {
    minLength: 1,
    maxLength: 5,
  })
  .map(parts => {
    let at = 0
    return parts.map(([gap, more]) => {
      const first = at + gap
      at = first + more
      return range(first, at)
    })
  })

await t.test(
  'walking from the first address on shows each exactly once, then the first again',
  t => {
    fc.assert(
      fc.property(someRanges, fc.bigInt(1n, 7n), (ranges, atMost) => {
        const all = ranges.flatMap(numbers)
        t.strictSame(walk(ranges, ranges[0]?.first ?? 0n, atMost, all.length), all)
        const [again] = walk(ranges, BigInt(all.at(-1) ?? 0) + 1n, atMost, 1)
        t.equal(again, all[0])
      }),
      { numRuns: 200 },
    )
    t.end()
  },
)

await t.test(
  'walking from anywhere shows each address once before the first one comes again',
  t => {
    fc.assert(
      fc.property(someRanges, fc.bigInt(0n, 120n), fc.bigInt(1n, 7n), (ranges, start, atMost) => {
        const all = ranges.flatMap(numbers)
        const seen = walk(ranges, start, atMost, all.length)
        t.strictSame(
          seen.slice(0, all.length).toSorted((a, b) => a - b),
          all,
        )
      }),
      { numRuns: 200 },
    )
    t.end()
  },
)

/** Windows one behind the other, until `count` addresses were seen. */
function walk(ranges: readonly Range[], start: bigint, atMost: bigint, count: number): number[] {
  const seen: number[] = []
  for (let position = start; seen.length < count;) {
    const window = windowAt(ranges, position, atMost)
    if (!window) return seen
    seen.push(...numbers(window))
    position = window.last + 1n
  }
  return seen
}

await t.test('reads begin with 256 and grow, up to 16,384', t => {
  const sizes = [FIRST_WINDOW]
  while (sizes.length < 6) sizes.push(nextSize(sizes.at(-1) ?? 0n))
  t.strictSame(sizes, [256n, 1024n, 4096n, 16_384n, 16_384n, 16_384n])
  t.end()
})

const NOW = 1_000_000
const SUBNET = parseAddress('192.0.2.0').value
const entry = (last: number, record: AddressRecord): Entry => ({
  key: addressKey('x', { family: 4, value: SUBNET + BigInt(last) }),
  value: write(record),
  revision: String(last) as Revision,
})
const last = ({ value }: { value: bigint }): number => Number(value - SUBNET)

await t.test('what a /29 shows: what is free, and what still rests', t => {
  const window = { family: 4, first: SUBNET + 1n, last: SUBNET + 6n } as const
  const used: AddressRecord = {
    state: 'used',
    pool: parsePoolId('x~192.0.2.0/29~-').id,
    host: 'h',
    hostName: 'rack1',
    generation: 1,
    op: 'o',
    boot: 'b',
    since: '2026-11-02',
  }
  const entries = [
    entry(1, { state: 'shared', pools: [] }),
    entry(2, used),
    entry(3, { state: 'idle', until: NOW }),
    entry(4, { state: 'idle', until: NOW + 1 }),
  ]
  const sighting = look(window, entries, NOW, value => value === SUBNET + 6n)
  t.strictSame(sighting.free.map(last), [3, 5], 'rested, or never used')
  t.strictSame(
    sighting.free.map(({ entry }) => entry),
    [entries[2], undefined],
    'with what was read',
  )
  t.strictSame(
    sighting.resting.map(one => [last(one), one.entry, one.until]),
    [[4, entries[3], NOW + 1]],
  )
  t.end()
})

await t.test('what this host is at work on is not shown, whatever the store says', t => {
  const window = { family: 4, first: SUBNET + 1n, last: SUBNET + 2n } as const
  const entries = [
    entry(1, { state: 'idle', until: 0 }),
    entry(2, { state: 'idle', until: NOW + 9 }),
  ]
  const sighting = look(window, entries, NOW, () => true)
  t.strictSame([sighting.free, sighting.resting], [[], []])
  t.end()
})
