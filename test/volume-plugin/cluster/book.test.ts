import t from 'tap'
import type { Test } from 'tap'
import { LevelDatabase } from '../../../shared/level-database.ts'
import { LevelStore } from '../../../shared/level-store.ts'
import type { ClusterId } from '../../../volume-plugin/cluster/cluster-files.ts'
import { LevelClusterBook } from '../../../volume-plugin/cluster/level-cluster-book.ts'
import type { RemovalId, VolumeId } from '../../../volume-plugin/cluster/volume-record.ts'
import type { VolumeName } from '../../../volume-plugin/volume-name.ts'
import { someUser, someVolume } from './hosts-world.ts'

const NAME = 'data' as VolumeName
const ID = 'a'.repeat(32) as VolumeId
const REMOVAL = 'b'.repeat(32) as RemovalId
const OTHER_REMOVAL = 'c'.repeat(32) as RemovalId
const note = {
  volume: ID,
  op: 'op',
  since: '2026-11-21T15:00:00.000Z',
  state: 'taken',
  ids: { 'container-1': 2 },
} as const
const notes = {
  history: 'h',
  cluster: 'c'.repeat(32) as ClusterId,
  generation: 2,
  nonces: ['n3'],
  formerNonces: ['n1', 'n2'],
  boot: 'boot',
}

await t.test('an empty book remembers nothing', async t => {
  const book = new LevelClusterBook(await database(t), 'boot')
  t.strictSame(await book.load(), {
    mirror: [],
    mounts: new Map(),
    kept: new Map(),
    notes: undefined,
  })
})

await t.test('what was put is remembered, beside a store in the same database', async t => {
  const folder = t.testdir()
  const before = await LevelDatabase.open(folder)
  const book = new LevelClusterBook(before, 'boot')
  const volumes = ['a', 'b', 'c'].map(name => someVolume(name, { users: { x: someUser('x') } }))
  const [a, , c] = volumes
  await book.putMirror(volumes, [])
  await book.putMirror([], ['b' as VolumeName])
  await book.putMount(NAME, note)
  await book.putMount('untold' as VolumeName, { ...note, volume: undefined, state: 'taking' })
  await book.putMount('other' as VolumeName, note)
  await book.putMount('other' as VolumeName, undefined)
  await book.putKept(REMOVAL, 5000)
  await book.putKept(OTHER_REMOVAL, 1)
  await book.putKept(OTHER_REMOVAL, undefined)
  await book.putNotes(notes)
  const store = new LevelStore(before, 'store/')
  await store.commit({ require: [], write: [{ put: 'v1/volumes/a', value: 'x' }] })
  await before.close()

  const after = new LevelClusterBook(await database(t, folder), 'boot')
  t.strictSame(await after.load(), {
    mirror: [a, c],
    mounts: new Map<string, unknown>([
      [NAME, note],
      ['untold', { ...note, volume: undefined, state: 'taking' }],
    ]),
    kept: new Map([[REMOVAL, 5000]]),
    notes,
  })
})

await t.test('a host without a cluster yet has notes all the same', async t => {
  const book = new LevelClusterBook(await database(t), 'boot')
  await book.putNotes({ ...notes, cluster: undefined })
  t.strictSame((await book.load()).notes, { ...notes, cluster: undefined })
})

await t.test('mounts of another boot are forgotten, for good', async t => {
  const shared = await database(t)
  await new LevelClusterBook(shared, 'before').putMount(NAME, note)
  t.strictSame((await new LevelClusterBook(shared, 'now').load()).mounts, new Map())
  t.strictSame((await new LevelClusterBook(shared, 'before').load()).mounts, new Map())
})

await t.test(
  'a record that cannot be read is named, but for what is found or counted anew',
  async t => {
    const shared = await database(t)
    const book = new LevelClusterBook(shared, 'boot')
    const write = async (key: string, value: string) =>
      await shared.write([{ type: 'put', key, value }], { sync: false })
    await book.putMirror([someVolume('data')], [])
    await write('mirror/other', '{"of": "a later version"}')
    t.match(await book.load(), { mirror: [{ name: 'data' }] })
    for (const key of ['mounts/data', 'notes']) {
      await write(key, '{"of": "a later version"}')
      await t.rejects(book.load(), { message: new RegExp(`^The record ${key} cannot be read`) })
      await shared.write([{ type: 'del', key }], { sync: false })
    }
  },
)

async function database(t: Test, folder = t.testdir()): Promise<LevelDatabase> {
  const opened = await LevelDatabase.open(folder)
  t.teardown(() => opened.close())
  return opened
}
