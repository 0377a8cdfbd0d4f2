import { appendFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { AppendFile } from '../../shared/append-file.ts'
import { smallDisk } from './small-disk.ts'

await t.test('a file that is not there is made, for its owner alone, and is empty', async t => {
  const path = join(t.testdir(), 'file')
  const file = open(t, path)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.strictSame([file.records(), file.size], [[], 0])
})

await t.test('records are read in the order in which they were appended', async t => {
  const path = join(t.testdir(), 'file')
  append(t, path, 'one', 'two', 'drei ä 🐳')
  t.strictSame(open(t, path).records(), ['one', 'two', 'drei ä 🐳'])
})

await t.test('what was there before it was opened again stays in front', async t => {
  const path = join(t.testdir(), 'file')
  append(t, path, 'one')
  append(t, path, 'two')
  t.strictSame(open(t, path).records(), ['one', 'two'])
})

await t.test('records may be read at any time, and as often as wanted', async t => {
  const file = open(t, join(t.testdir(), 'file'))
  file.append('one')
  t.strictSame(file.records(), ['one'])
  t.strictSame(file.records(), ['one'])
})

await t.test('what is appended is in the file at once', async t => {
  const path = join(t.testdir(), 'file')
  const file = open(t, path)
  file.append('one')
  t.strictSame(open(t, path).records(), ['one'])
})

await t.test('a torn last record leaves those before it and those after it readable', async t => {
  const path = join(t.testdir(), 'file')
  append(t, path, 'one')
  appendFileSync(path, '\ntw')
  const file = open(t, path)
  t.strictSame(file.records(), ['one', 'tw'])
  file.append('three')
  t.strictSame(open(t, path).records(), ['one', 'tw', 'three'])
})

await t.test('its size is that of the file', async t => {
  const path = join(t.testdir(), 'file')
  append(t, path, 'one')
  const file = open(t, path)
  t.equal(file.size, statSync(path).size)
  file.append('ä')
  t.equal(file.size, statSync(path).size)
})

await t.test('after clear() there is nothing, and new records are read alone', async t => {
  const path = join(t.testdir(), 'file')
  append(t, path, 'one', 'two')
  const file = open(t, path)
  file.clear()
  t.strictSame([file.size, statSync(path).size], [0, 0])
  file.append('three')
  t.strictSame([open(t, path).records(), file.size], [['three'], statSync(path).size])
})

await t.test('a folder that is not there is an error', async t => {
  t.throws(() => new AppendFile(join(t.testdir(), 'none', 'file')), { code: 'ENOENT' })
})

await t.test('a record that the disk has no room for is an error, and harms no other', async t => {
  const disk = smallDisk(t, '64k')
  if (!disk) return
  const path = join(disk.folder, 'file')
  const file = new AppendFile(path)
  file.append('one')
  const filler = join(disk.folder, 'filler')
  t.throws(() => writeFileSync(filler, Buffer.alloc(1 << 20)), { code: 'ENOSPC' })
  // The rest of the last block has room for a part of it.
  t.throws(() => file.append('x'.repeat(5000)), { code: 'ENOSPC' })
  t.throws(() => file.append('y'), { code: 'ENOSPC' })
  t.equal(file.size, statSync(path).size, 'what was written of it counts')
  rmSync(filler)
  file.append('two')
  file.close()
  const records = open(t, path).records()
  t.strictSame([records[0], records.at(-1), records.length], ['one', 'two', 3])
})

function open(t: Test, path: string): AppendFile {
  const file = new AppendFile(path)
  t.teardown(() => file.close())
  return file
}

/** As a process of its own would that ends then. */
function append(t: Test, path: string, ...records: readonly string[]): void {
  const file = open(t, path)
  for (const record of records) file.append(record)
}
