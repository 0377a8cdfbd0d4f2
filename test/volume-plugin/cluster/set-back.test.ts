import t from 'tap'
import type { Test } from 'tap'
import { hostsOf } from './host.ts'
import type { Host } from './host.ts'

const EXCLUSIVE = { access: 'exclusive' }
const HELD = { code: 'held-elsewhere' }
const IN_USE = { code: 'volume-in-use' }

await t.test('after etcd was set back, an exclusive volume is where it is mounted', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('db', EXCLUSIVE)
  const setBack = snapshot(a)
  await a.mount('db', 'runs')
  setBack()
  await allBarred(t, a, b)
  await a.adopt()
  await b.adopt()
  t.match(a.note('db'), { state: 'taken', ids: { runs: 1 } })
  t.match(await b.record('db'), { users: { 'id-a': { name: 'a' } } })
  t.ok(a.isBound('db'))
  t.strictSame(a.lost, [])
  await t.rejects(b.mount('db', 'other'), HELD)
  for (const host of [a, b]) await t.rejects(host.remove('db'), IN_USE)
})

await t.test('after etcd was set back, no volume is removed that a container has', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('web')
  const setBack = snapshot(a)
  await a.mount('web', 'runs')
  setBack()
  await allBarred(t, a, b)
  await a.adopt()
  await b.adopt()
  for (const host of [a, b]) await t.rejects(host.remove('web'), IN_USE)
  t.strictSame(a.lost, [])
  await a.unmount('web', 'runs')
  await b.remove('web')
  t.equal((await b.parked()).volume.name, 'web')
})

await t.test('etcd set back to an earlier holder: whoever has it by now gets it back', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('db', EXCLUSIVE)
  await b.tend()
  await b.mount('db', 'earlier')
  const setBack = snapshot(b)
  await b.unmount('db', 'earlier')
  await a.mount('db', 'runs')
  setBack()
  await allBarred(t, a, b)
  await a.adopt()
  t.equal(a.lost.length, 1, 'the store says that another host has it')
  await b.adopt()
  await a.tend()
  t.match(a.note('db'), { state: 'taken', ids: { runs: 1 } })
  await t.rejects(b.mount('db', 'other'), HELD)
  t.ok(await a.mount('db', 'again'))
  t.strictSame(b.lost, [])
})

/** @returns what sets the store back to now, as an etcd that is restored from a backup */
function snapshot({ machine: { store } }: Host): () => void {
  const before = store.snapshot(0)
  return () => store.setBack(before, 'restored')
}

/** Nothing goes on before an operator has looked. */
async function allBarred(t: Test, ...hosts: readonly Host[]): Promise<void> {
  for (const host of hosts) {
    await host.tend()
    t.match(host.cluster.registration.barred, /run on each host.*berth cluster adopt$/)
  }
}
