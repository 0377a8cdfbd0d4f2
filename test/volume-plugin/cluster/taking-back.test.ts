import t from 'tap'
import { hostsOf } from './host.ts'

const EXCLUSIVE = { access: 'exclusive' }

await t.test('what an operator took from a host it does not take back', async t => {
  const [a, b, c] = await hostsOf(t, ['a', 'b', 'c'])
  await a.create('db', EXCLUSIVE)
  await a.mount('db', 'whose Unmount was lost')
  await b.breakLock('db', a)
  await a.tend()
  t.match(a.note('db'), { state: 'lost' })
  await b.mount('db', 'other')
  await c.breakLock('db', b)
  for (let i = 0; i < 3; i++) await a.tend()
  t.match(a.note('db'), { state: 'lost' })
  await c.tend()
  t.ok(await c.mount('db', 'third'))
})

await t.test('an old break-lock does not keep a host from taking back', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('db', EXCLUSIVE)
  await a.mount('db', 'long ago')
  await b.breakLock('db', a)
  await a.tend()
  await a.unmount('db', 'long ago')
  await b.mount('db', 'earlier')
  const before = a.machine.store.snapshot(0)
  await b.unmount('db', 'earlier')
  await a.mount('db', 'runs')
  a.machine.store.setBack(before, 'restored')
  for (const host of [a, b]) await host.tend()
  await a.adopt()
  await b.adopt()
  await a.tend()
  t.match(a.note('db'), { state: 'taken', ids: { runs: 1 } })
})

await t.test('what was taken under a note of a removed volume is given back', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('db', EXCLUSIVE)
  await a.mount('db', 'writes to the old one')
  await b.breakLock('db', a)
  await b.remove('db')
  await b.create('db', EXCLUSIVE)
  await a.cluster.volumes.list()
  await a.cluster.registration.register()
  a.way.fate = tr => {
    if (!JSON.stringify(tr.write).includes('volumes/db')) return 'done'
    a.machine.pass(600)
    return 'lost'
  }
  await t.rejects(a.mount('db', 'new'))
  a.way.fate = () => 'done'
  for (let i = 0; i < 4; i++) await a.tend()
  t.ok(await b.mount('db', 'other'))
})
