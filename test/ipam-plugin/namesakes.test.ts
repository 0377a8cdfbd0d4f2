import t from 'tap'
import { HostsWorld } from './hosts-world.ts'

await t.test('a new host is told of an older one with its name, and what that holds', async t => {
  const world = await HostsWorld.open(t)
  const before = await world.host('a', { name: 'rack1' })
  const pool = await before.requestPool('192.0.2.0/29')
  await before.endpoint(pool)
  await before.endpoint(pool)
  const other = await world.host('b', { name: 'rack2' })
  t.notOk(other.told.some(({ message }) => message.startsWith('Another host has the name')))
  await world.stop('a')

  const anew = await world.host('c', { name: 'rack1' })
  t.match(anew.told, [
    { message: 'serving' },
    { level: 'warn', message: /^Another host has the name/, details: { id: 'a', addresses: 2 } },
  ])
})

await t.test('a host that starts again is not told again', async t => {
  const world = await HostsWorld.open(t)
  await world.host('a', { name: 'rack1' })
  await world.host('b', { name: 'rack1' })
  await world.stop('b')
  const again = await world.host('b', { name: 'rack1' })
  t.match(again.told, [{ message: 'serving' }])
  t.equal(again.told.length, 1)
})
