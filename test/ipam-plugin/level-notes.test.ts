import t from 'tap'
import { LevelNotes } from '../../ipam-plugin/level-notes.ts'
import { LevelDatabase } from '../../shared/level-database.ts'

const KEY = 'journal/registration'
const notes = {
  history: 'cluster-1',
  generation: 2,
  nonces: ['a', 'b'],
  formerNonces: ['z'],
  beat: 7,
  boot: 'boot-1',
  recovery: { id: 'r', number: 3 },
}

await t.test('a host that never registered has no notes', async t => {
  await using database = await open(t.testdir())
  t.equal(await new LevelNotes(database).read(), undefined)
})

await t.test('what was noted last is read, also after a restart', async t => {
  const folder = t.testdir()
  await using first = await open(folder)
  const book = new LevelNotes(first)
  await book.write({ ...notes, beat: 6 })
  await book.write(notes)
  t.strictSame(await book.read(), notes)
  await first.close()
  await using second = await open(folder)
  t.strictSame(await new LevelNotes(second).read(), notes)
})

await t.test('without a recovery there is none in them', async t => {
  await using database = await open(t.testdir())
  const book = new LevelNotes(database)
  await book.write({ ...notes, recovery: undefined })
  t.equal((await book.read())?.recovery, undefined)
})

await t.test('a note is on the disk before it is acted upon', async t => {
  await using database = await open(t.testdir())
  const synced: boolean[] = []
  const write = database.write.bind(database)
  database.write = async (writes, options) => {
    synced.push(options.sync)
    await write(writes, options)
  }
  await new LevelNotes(database).write(notes)
  t.strictSame(synced, [true])
})

await t.test('notes that cannot be read are named, and never taken for none', async t => {
  await using database = await open(t.testdir())
  const bad = [{}, { history: 7 }, { ...notes, nonces: 'a' }, { ...notes, recovery: 'r' }]
  for (const value of ['', '{', ...bad.map(one => JSON.stringify(one))]) {
    await database.write([{ type: 'put', key: KEY, value }], { sync: true })
    await t.rejects(new LevelNotes(database).read(), {
      message:
        /^The entry journal\/registration cannot be read: .*restore the state from a backup$/,
    })
  }
})

await t.test('what a later version adds does not matter', async t => {
  await using database = await open(t.testdir())
  const value = JSON.stringify({ ...notes, later: true })
  await database.write([{ type: 'put', key: KEY, value }], { sync: true })
  t.strictSame(await new LevelNotes(database).read(), notes)
})

async function open(folder: string) {
  const database = await LevelDatabase.open(folder)
  return Object.assign(database, { [Symbol.asyncDispose]: () => database.close() })
}
