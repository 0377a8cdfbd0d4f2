import t from 'tap'
import { findContent, LARGEST_PLACE, placesToLook } from '../../../volume-plugin/ssd/content.ts'

const MIB = 1024 * 1024
const GIB = 1024 * MIB
const TIB = 1024 * GIB

await t.test('a small disk is read from end to end, each byte once', t => {
  for (const [size, from] of [
    [300 * MIB + 512, 0],
    [4 * GIB, 2 * MIB],
    [512, 0],
    [512, 512],
  ] as const) {
    let at = from
    for (const place of placesToLook(size, from)) {
      t.equal(place.at, at)
      at += place.length
    }
    t.equal(at, size)
  }
  t.end()
})

await t.test('of a large disk both ends are read, and places everywhere between', t => {
  const places = [...placesToLook(TIB, 0)]
  const isSeen = (byte: number) => places.some(({ at, length }) => at <= byte && byte < at + length)
  for (const byte of [0, 1, MIB, 8 * MIB - 1, 9 * MIB, 63 * MIB + 65_536]) t.ok(isSeen(byte))
  for (const byte of [TIB - 1, TIB - 4096, TIB - 8 * MIB]) t.ok(isSeen(byte))
  t.ok(places.length > 4096 + 896)
  t.ok(places.reduce((sum, { length }) => sum + length, 0) < 64 * MIB, 'and little is read')
  t.ok(places.every(({ at, length }) => at % 4096 === 0 && at + length <= TIB))
  t.strictSame(
    places,
    places.toSorted((a, b) => a.at - b.at),
  )
  const widest = Math.max(...places.map(({ at }, index) => (places[index + 1]?.at ?? TIB) - at))
  t.ok(widest <= TIB / 2048, 'no stretch is left out')
  t.end()
})

await t.test('nothing before where the look starts is read', t => {
  for (const from of [MIB + 4096, 2 * MIB, 65 * MIB, 500 * GIB + 123, TIB - MIB]) {
    const places = [...placesToLook(TIB, from)]
    t.ok(places.every(({ at, length }) => at >= from && length > 0))
    t.equal(places.at(-1)?.at ?? 0, Math.max(from, TIB - LARGEST_PLACE))
  }
  t.end()
})

await t.test('the places between are drawn anew each time', t => {
  const draw = () => Array.from(placesToLook(TIB, 100 * MIB), ({ at }) => at).join(' ')
  t.not(draw(), draw())
  t.end()
})

await t.test('the first byte that is not zero is told', async t => {
  const data = 3 * GIB + 5
  const read = async ({ at, length }: { at: number; length: number }) => {
    const buffer = Buffer.alloc(length)
    if (at <= data && data < at + length) buffer[data - at] = 255
    return buffer
  }
  t.equal(await findContent(4 * GIB, 2 * GIB, read), data)
  t.equal(await findContent(4 * GIB, data + 1, read), undefined)
  await t.rejects(
    findContent(GIB, 0, async () => {
      throw new Error('broken')
    }),
    /broken/,
  )
})
