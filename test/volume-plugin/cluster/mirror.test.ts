import t from 'tap'
import { StoreUnavailable } from '../../../shared/store.ts'
import type { ClusterBook } from '../../../volume-plugin/cluster/cluster-book.ts'
import { readClusterOptions } from '../../../volume-plugin/cluster/cluster-options.ts'
import { Mirror } from '../../../volume-plugin/cluster/mirror.ts'
import type { VolumeId, VolumeRecord } from '../../../volume-plugin/cluster/volume-record.ts'
import { requireVolumeName } from '../../../volume-plugin/volume-name.ts'

const [DB, WEB] = [requireVolumeName('db'), requireVolumeName('web')]

const record = (name: typeof DB, id: string): VolumeRecord => ({
  id: id.repeat(32) as VolumeId,
  name,
  options: readClusterOptions({}),
  created: '2026-11-21T10:00:00.000Z',
  createdBy: 'alpha',
  state: 'ready',
  removal: undefined,
  restored: 0,
  users: {},
  broken: undefined,
})

const list = (...volumes: VolumeRecord[]) => ({ volumes, unreadable: [] })

function world() {
  const written: string[] = []
  const book: ClusterBook = {
    load: async () => ({ mirror: [], mounts: new Map(), kept: new Map(), notes: undefined }),
    putMirror: async (changed, gone) => {
      written.push(...changed.map(({ name }) => `+${name}`), ...gone.map(name => `-${name}`))
    },
    putMount: async () => {},
    putKept: async () => {},
    putNotes: async () => {},
  }
  return { mirror: new Mirror(book, [record(DB, 'a')]), written }
}

void t.test('what the store has replaces what was known, and only that is written', async t => {
  const { mirror, written } = world()
  t.ok(mirror.isStale, 'until the store has told')
  await mirror.refresh(async () => list(record(DB, 'a'), record(WEB, 'b')))
  t.notOk(mirror.isStale)
  t.strictSame(written, ['+web'])
  await mirror.refresh(async () => list(record(WEB, 'b')))
  t.strictSame(written, ['+web', '-db'])
  t.equal(mirror.get(DB), undefined)
})

void t.test('while the store is away, what was known stays', async t => {
  const { mirror, written } = world()
  await mirror.refresh(async () => list(record(DB, 'a')))
  await mirror.refresh(async () => await Promise.reject(new StoreUnavailable('away')))
  t.ok(mirror.isStale)
  t.match(mirror.all(), [{ name: 'db' }])
  t.strictSame(written, [])
})

void t.test('a list that was read before does not undo what was learned since', async t => {
  const { mirror } = world()
  await mirror.refresh(async () => {
    const older = list(record(DB, 'a'))
    await mirror.learn(WEB, record(WEB, 'b'))
    await mirror.learn(DB, undefined)
    return older
  })
  t.match(mirror.get(WEB), { name: 'web' }, 'created since')
  t.equal(mirror.get(DB), undefined, 'removed since')
  await mirror.refresh(async () => list(record(DB, 'c')))
  t.match(mirror.get(DB), { id: 'c'.repeat(32) }, 'a later one does')
  t.equal(mirror.get(WEB), undefined)
})

void t.test('of two lists that are read at once, the one begun first undoes nothing', async t => {
  const { mirror } = world()
  await mirror.refresh(async () => {
    await mirror.learn(WEB, record(WEB, 'b'))
    await mirror.refresh(async () => list(record(WEB, 'b')))
    return list(record(DB, 'a'))
  })
  t.match(mirror.get(WEB), { name: 'web' })
  t.equal(mirror.get(DB), undefined)
})

void t.test('what a later version wrote is not forgotten', async t => {
  const { mirror } = world()
  await mirror.refresh(async () => ({ volumes: [], unreadable: [DB] }))
  t.match(mirror.get(DB), { name: 'db' })
})
