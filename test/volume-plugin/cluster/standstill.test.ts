import t from 'tap'
import { parkedPlace } from '../../../volume-plugin/cluster/place.ts'
import { hostsOf, MINUTE } from './host.ts'
import type { Host } from './host.ts'

await t.test('what was removed while a host stood still is kept for all of its time', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('db', { retain: '1h' })
  await b.tend()
  await a.remove('db')
  const kept = await folderOf(a)
  await b.tend(120 * MINUTE)
  t.ok(kept(), 'it has been seen for no time yet')
  for (let minute = 1; minute < 60; minute++) await b.tend(MINUTE)
  t.ok(kept())
  await b.tend(MINUTE)
  t.notOk(kept())
  t.strictSame(await a.cluster.catalogue.listParked(), [])
})

await t.test('time for which a host stood still is not counted', async t => {
  const [a] = await hostsOf(t, ['a'])
  await a.create('db', { retain: '1h' })
  await a.remove('db')
  const kept = await folderOf(a)
  await a.tend()
  for (let hours = 0; hours < 10; hours++) await a.tend(60 * MINUTE)
  t.ok(kept(), 'each is a minute at most')
})

await t.test('time is counted though the plugin starts again in between', async t => {
  const [a] = await hostsOf(t, ['a'])
  await a.create('db', { retain: '1h' })
  await a.remove('db')
  const kept = await folderOf(a)
  for (let minute = 0; minute <= 31; minute++) await a.tend(MINUTE)
  const after = await a.restarted()
  for (let minute = 0; minute < 10; minute++) await after.tend(MINUTE)
  t.ok(kept())
  for (let minute = 0; minute < 31; minute++) await after.tend(MINUTE)
  t.notOk(kept(), 'but for ten minutes that were not written down')
})

/** @returns whether the folder of the one removed volume is there */
async function folderOf(host: Host): Promise<() => boolean> {
  const place = parkedPlace((await host.parked()).volume)
  const { tree } = host.machine
  if (!tree.find(place)) throw new Error('It is not aside')
  return () => tree.find(place) !== undefined
}
