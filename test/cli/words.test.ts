import t from 'tap'
import { table } from '../../cli/table.ts'
import { ago, duration, exactDuration, exactSize, size, some } from '../../cli/words.ts'

await t.test('table() aligns columns by what is seen, and ends lines without blanks', t => {
  t.equal(
    table(
      ['A', 'LONG HEADING', 'C'],
      [
        ['größer', 'x', undefined],
        ['y', '', 'last'],
      ],
    ),
    ['A       LONG HEADING  C', 'größer  x             -', 'y       -             last', ''].join(
      '\n',
    ),
  )
  t.end()
})

await t.test('table() takes as many rows as there are addresses', t => {
  const rows = Array.from({ length: 300_000 }, (_, i) => [String(i)])
  t.equal(table(['N'], rows).length, 2 + rows.join('\n').length + 1)
  t.end()
})

await t.test('ago() is coarse, and takes the future of another clock for now', t => {
  const now = Date.parse('2026-01-02T00:00:00Z')
  for (const [iso, text] of [
    ['2026-01-01T23:59:59.500Z', 'just now'],
    ['2026-01-02T00:01:00Z', 'just now'],
    ['2026-01-01T23:59:20Z', '40 s ago'],
    ['2026-01-01T23:57:01Z', '2 min ago'],
    ['2026-01-01T00:00:01Z', '23 h ago'],
    ['2025-12-30T00:00:00Z', '3 d ago'],
    ['soon', 'soon'],
  ] as const) {
    t.equal(ago(iso, now), text, iso)
  }
  t.end()
})

await t.test('duration() rounds down to its largest unit, exactDuration() never rounds', t => {
  for (const [ms, coarse, exact] of [
    [0, '0 s', '0'],
    [1500, '1 s', '1500ms'],
    [90_000, '1 min', '90s'],
    [600_000, '10 min', '10m'],
    [86_400_000, '1 d', '24h'],
  ] as const) {
    t.strictSame([duration(ms), exactDuration(ms)], [coarse, exact], `${ms} ms`)
  }
  t.end()
})

await t.test('some() cuts a long list short', t => {
  t.strictSame(
    [some([]), some(['a', 'b']), some(['a', 'b', 'c', 'd', 'e'])],
    ['', 'a, b', 'a, b, c, +2 more'],
  )
  t.end()
})

await t.test('size() never says more than there is, exactSize() says all', t => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [400_000_000_000, '372.5 GiB'],
    [400 * 1024 ** 3, '400.0 GiB'],
    [1024 ** 4 - 1, '1023.9 GiB'],
    [2 ** 53 - 1, '7.9 PiB'],
  ] as const) {
    t.equal(size(bytes), text)
  }
  t.equal(exactSize(1536), '1.5 KiB (1536 bytes)')
  t.end()
})
