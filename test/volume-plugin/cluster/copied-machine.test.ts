import t from 'tap'
import { hostsOf } from './host.ts'

const WHY = 'The state directory comes from another machine. Run: berth cluster adopt'

await t.test('a copy of a machine says why it does nothing, and changes nothing', async t => {
  const [a] = await hostsOf(t, ['a'])
  await a.create('db', { access: 'exclusive' })
  await a.create('web')
  const copy = await a.restarted({ boot: 'of the copy', barred: WHY })
  await t.rejects(copy.tend(), { name: 'Barred', message: WHY })
  const message = new RegExp(WHY)
  await t.rejects(copy.create('new'), { message })
  await t.rejects(copy.mount('db', 'container'), { message })
  await t.rejects(copy.remove('web'), { message })
  t.match(await copy.order('GET /v1/self'), { state: 'suspended', reason: WHY })
  const original = await copy.restarted({ barred: undefined })
  await original.tend()
  t.match(await original.record('web'), { state: 'ready' })
  t.equal(await original.record('new'), undefined)
  t.ok(await original.mount('db', 'container'))
})
