import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { hostsOf } from './host.ts'
import { someVolume } from './hosts-world.ts'

const EXCLUSIVE = { access: 'exclusive' }
const WIPE = 'POST /v1/volumes/:name/wipe'
const BREAK_LOCK = 'POST /v1/volumes/:name/break-lock'

await t.test('an id is an id, though another volume is called so', async t => {
  const [a] = await hostsOf(t, ['a'])
  for (const name of ['restored', 'wiped', 'held']) await a.create(name, EXCLUSIVE)
  const ids = await Promise.all(
    ['restored', 'wiped', 'held'].map(async name => (await a.record(name))?.id ?? ''),
  )
  const [restored = '', wiped = '', held = ''] = ids
  for (const id of ids) await a.create(id, EXCLUSIVE)
  for (const name of [held, 'held']) await a.mount(name, 'container')
  for (const name of ['restored', 'wiped']) await a.remove(name)
  await a.restore(restored)
  t.match(await a.record('restored'), { id: restored, state: 'ready' })
  await a.order(WIPE, wiped)
  await a.tend()
  t.strictSame(await a.cluster.catalogue.listParked(), [])
  await a.order(BREAK_LOCK, held)
  t.match(await a.record('held'), { users: {}, broken: { name: 'a' } })
  t.match(await a.record(held), { users: { 'id-a': { name: 'a' } }, broken: undefined })
  for (const id of ids) t.match(await a.record(id), { state: 'ready' }, 'none of them was meant')
})

await t.test('a volume that is removed again while it is brought back: that is said', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('db')
  await a.remove('db')
  const { volume } = await a.parked()
  const move = a.files.move.bind(a.files)
  a.files.move = async (from, to) => {
    const moved = await move(from, to)
    await b.restore('db')
    await b.remove('db')
    return moved
  }
  const message = 'The volume db was removed again meanwhile: try again'
  await t.rejects(a.restore(volume.id), { code: 'not-ready', message })
  a.files.move = move
  t.match(await a.restore(volume.id), { volume: { id: volume.id, state: 'ready' } })
})

await t.test('a volume is brought back though its name was to be given to another', async t => {
  for (const by of ['id', 'name'] as const) {
    await t.test(`by its ${by}`, async t => {
      const [a, b] = await hostsOf(t, ['a', 'b'])
      await a.create('db')
      await a.remove('db')
      const { volume } = await a.parked()
      // By a host that died at it.
      const record = someVolume('db', { state: 'making' })
      await a.cluster.catalogue.change(record.name, () => ({ do: 'put', record }))
      t.match(await b.restore(volume[by]), { volume: { id: volume.id, state: 'ready' } })
      t.ok(await b.mount('db', 'container'))
    })
  }
})

await t.test('no file system is given an id that CLUSTER_ID does not allow', async t => {
  const [a] = await hostsOf(t, ['a'])
  const { tree } = a.machine
  const known = tree.id
  const pinned = await a.restarted({ clusterId: 'f'.repeat(32) })
  await pinned.tend()
  tree.id = undefined
  await t.rejects(pinned.order('POST /v1/cluster/init', '', { again: true }), {
    code: 'not-mounted',
    message: new RegExp(`^CLUSTER_ID is f{32}, and this etcd knows the file system ${known}:`),
  })
  t.equal(tree.id, undefined)
  const right = await pinned.restarted({ clusterId: '' })
  await right.tend()
  t.match(await right.order('POST /v1/cluster/init', '', { again: true }), { id: known })
})

await t.test('break-lock takes the volume that was shown, not what was taken since', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('db', EXCLUSIVE)
  await a.mount('db', 'shown')
  const since = a.note('db')?.since
  await a.unmount('db', 'shown')
  await sleep(2)
  await a.mount('db', 'runs')
  await t.rejects(b.order(BREAK_LOCK, 'db', { since }), {
    code: 'unknown-host',
    message: /^Host a has the volume db since .* by now; see berth volume inspect db$/,
  })
  await t.rejects(b.mount('db', 'other'), { code: 'held-elsewhere' })
  await b.order(BREAK_LOCK, 'db', { since: a.note('db')?.since })
  t.ok(await b.mount('db', 'other'))
})
