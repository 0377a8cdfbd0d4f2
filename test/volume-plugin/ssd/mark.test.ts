import t from 'tap'
import { compareMark, decodeMark, encodeMark, MARK_BYTES } from '../../../volume-plugin/ssd/mark.ts'

const mark = {
  claim: '00112233445566778899aabbccddeeff',
  volume: `n${'a'.repeat(127)}`,
  fsUuid: '12345678-1234-1234-1234-123456789abc',
  host: `rack1-07${'.example'.repeat(40)}`,
  boot: 'a-boot',
  created: '2026-11-20T12:00:00.000Z',
}
const block = encodeMark(mark)
const damaged = (at: number): Buffer => {
  const copy = Buffer.from(block)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

await t.test('a mark is 4 KiB that people can read, and reads back as it was', t => {
  t.equal(block.length, MARK_BYTES)
  t.match(block.toString('latin1'), '"host":"rack1-07.example')
  t.strictSame(decodeMark(block), mark)
  t.end()
})

await t.test('what is damaged, blank or no mark at all does not read', t => {
  t.equal(decodeMark(damaged(3)), undefined, 'its first word')
  t.equal(decodeMark(damaged(40)), undefined, 'its text')
  t.equal(decodeMark(Buffer.alloc(MARK_BYTES)), undefined)
  t.equal(decodeMark(Buffer.alloc(MARK_BYTES, 0xff)), undefined)
  const long = Buffer.from(block)
  long.writeUInt32BE(1_000_000, 16)
  t.equal(decodeMark(long), undefined, 'a length beyond its block')
  t.end()
})

await t.test('the own mark is told from another, from half of it and from none', t => {
  t.equal(compareMark(block, mark), 'ours')
  t.equal(compareMark(encodeMark({ ...mark, claim: 'ff' }), mark), 'other')
  t.equal(compareMark(Buffer.alloc(MARK_BYTES), mark), 'none')
  t.equal(compareMark(Buffer.alloc(MARK_BYTES, 7), mark), 'none', "a file's data")
  t.equal(compareMark(Buffer.from(block).fill(0, 0, 512), mark), 'torn', 'its first sector is gone')
  t.equal(compareMark(Buffer.from(block).fill(0, 512), mark), 'torn', 'its first sector is all')
  t.equal(compareMark(damaged(3), mark), 'none')
  t.equal(compareMark(damaged(40), mark), 'other', 'not ours, though it begins as a mark does')
  t.end()
})
