import t from 'tap'
import { hostsOf } from './host.ts'

const EXCLUSIVE = { access: 'exclusive' }
const HELD = { code: 'held-elsewhere' }

await t.test('containers are counted though the volume is in no list', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('db', EXCLUSIVE)
  await a.mount('db', 'runs')
  // Whatever kept it from being seen.
  await a.cluster.mirror.refresh(async () => ({ volumes: [], unreadable: [] }))
  await a.mount('db', 'ends')
  await a.unmount('db', 'ends')
  t.match(a.note('db'), { state: 'taken', ids: { runs: 1 } })
  await b.tend()
  await t.rejects(b.mount('db', 'other'), HELD)
  await a.unmount('db', 'runs')
  t.ok(await b.mount('db', 'other'), 'once nobody has it any more')
  t.strictSame(a.lost, [])
})

await t.test(
  'a container whose volume was removed is told of, though another has its name',
  async t => {
    const [a, b] = await hostsOf(t, ['a', 'b'])
    await a.create('db', EXCLUSIVE)
    await a.mount('db', 'writes to the old one')
    await b.breakLock('db', a)
    await b.remove('db')
    await b.create('db', EXCLUSIVE)
    // So that it knows the new one before it has looked after the old one.
    await a.cluster.volumes.list()
    await a.mount('db', 'new')
    t.match(a.lost, [/^db: The volume db was removed; another has its name by now$/])
    t.strictSame(a.note('db')?.ids, { new: 1 })
    await a.tend()
    t.equal(a.lost.length, 1)
  },
)
