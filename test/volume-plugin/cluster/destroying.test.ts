import t from 'tap'
import { parkedPlace } from '../../../volume-plugin/cluster/place.ts'
import { hostsOf, MINUTE } from './host.ts'
import type { Host } from './host.ts'

await t.test('what one host destroys no other does, while that one is at it', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('db')
  await a.remove('db')
  const byOther = countDestroyed(b)
  const destroy = a.files.destroy.bind(a.files)
  a.files.destroy = async () => 'more'
  await a.order('POST /v1/volumes/:name/wipe', 'db')
  for (let round = 0; round < 9; round++) {
    await a.tend(MINUTE)
    await b.tend(0)
  }
  t.match(await b.parked(), { state: 'destroying' })
  t.equal(byOther(), 0)
  a.files.destroy = destroy
  await a.tend()
  t.strictSame(await b.cluster.catalogue.listParked(), [])
})

await t.test('what a host began to destroy that is gone another takes up later', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('db')
  await a.remove('db')
  await b.tend()
  const parked = await a.parked()
  await a.cluster.parking.beginDestroying(parked)
  await a.end()
  const destroyed = countDestroyed(b)
  for (let round = 0; round < 9; round++) await b.tend(MINUTE)
  t.equal(destroyed(), 0, 'it may be at it still')
  for (let round = 0; round < 12; round++) await b.tend(MINUTE)
  t.strictSame(await b.cluster.catalogue.listParked(), [])
  t.equal(b.machine.tree.find(parkedPlace(parked.volume)), undefined)
})

await t.test('a volume that was brought back just before its time has no problem', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'], 2 * MINUTE)
  await a.create('db')
  await a.remove('db')
  const { volume } = await a.parked()
  for (let minute = 0; minute < 2; minute++) await b.tend(MINUTE)
  const listParked = b.cluster.catalogue.listParked.bind(b.cluster.catalogue)
  b.cluster.catalogue.listParked = async told => {
    const seen = await listParked(told)
    await a.restore(volume.id)
    b.cluster.catalogue.listParked = listParked
    return seen
  }
  await b.tend(MINUTE)
  await b.tend()
  const shown = await b.order('GET /v1/volumes/:name', 'db')
  t.match(shown, { volume: { id: volume.id, state: 'ready', problem: undefined } })
  t.ok(await b.mount('db', 'container'))
})

/** @returns how often this host was to destroy something */
function countDestroyed({ files }: Host): () => number {
  let count = 0
  const destroy = files.destroy.bind(files)
  files.destroy = async place => {
    count += 1
    return await destroy(place)
  }
  return () => count
}
