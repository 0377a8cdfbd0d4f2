import t from 'tap'
import { Refusal } from '../../../shared/refusal.ts'
import type { Place } from '../../../volume-plugin/cluster/place.ts'
import { hostsOf } from './host.ts'
import type { Host } from './host.ts'

/** Somebody has a file of it open there, or something mounted in it. */
const REFUSED = new Refusal('not-mounted', 'Something is mounted in it')

await t.test('a rename that comes after the volume was brought back finds nothing', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('web')
  filesIn(a, await placeOf(a, 'web')).add('page')
  const late = holdMoves(a)
  const removing = t.rejects(a.remove('web'), { code: 'not-ready' })
  await late.asked
  await b.remove('web')
  const { volume } = await b.parked()
  await b.restore(volume.id)
  await b.mount('web', 'runs')
  late.arrive()
  await removing
  t.match(await b.record('web'), { id: volume.id, state: 'ready' })
  t.strictSame([...filesIn(b, await placeOf(b, 'web'))], ['page'])
  for (const host of [a, b]) t.ok(await host.mount('web', 'later'))
})

await t.test('nor does one that was to bring back what was removed again since', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('web')
  filesIn(a, await placeOf(a, 'web')).add('page')
  await a.remove('web')
  const { volume } = await a.parked()
  const late = holdMoves(a)
  const restoring = t.rejects(a.restore(volume.id), { message: /stays removed/ })
  await late.asked
  await b.restore(volume.id)
  await b.remove('web')
  late.arrive()
  await restoring
  await b.restore(volume.id)
  t.strictSame([...filesIn(b, await placeOf(b, 'web'))], ['page'])
})

await t.test('a folder that another host has put aside is not said to be where it was', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('web')
  filesIn(a, await placeOf(a, 'web')).add('page')
  const late = holdMoves(b)
  const removing = t.rejects(b.remove('web'), { code: 'not-ready' })
  await late.asked
  changeMoves(a, async () => {
    late.arrive()
    await removing
    throw REFUSED
  })
  await t.rejects(a.remove('web'), REFUSED)
  t.match(await a.record('web'), { state: 'removing' }, 'it has no folder any more')
  await b.remove('web')
  await b.restore('web')
  t.strictSame([...filesIn(b, await placeOf(b, 'web'))], ['page'])
})

await t.test(
  'where a folder cannot be put aside, and none was, the volume is as it was',
  async t => {
    const [a] = await hostsOf(t, ['a'])
    await a.create('web')
    changeMoves(a, async () => await Promise.reject(REFUSED))
    await t.rejects(a.remove('web'), REFUSED)
    t.match(await a.record('web'), { state: 'ready', removal: undefined })
    t.ok(await a.mount('web', 'container'))
  },
)

await t.test('logs of which some are put aside are not said to be where they were', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('logs', { kind: 'log', app: 'web' })
  await b.tend()
  for (const host of [a, b]) {
    await host.mount('logs', 'container')
    await host.unmount('logs', 'container')
    filesIn(host, ['logs', 'web', host.machine.name, 'logs']).add('old')
  }
  const real = [a, b].map(host => {
    return changeMoves(host, async (from, move) => {
      if (from[2] === 'b') throw REFUSED
      return await move()
    })
  })
  await t.rejects(a.remove('logs'), REFUSED)
  // Another host comes upon the folders in another order.
  const folders = b.files.folders.bind(b.files)
  b.files.folders = async place => (await folders(place)).toReversed()
  await t.rejects(b.remove('logs'), REFUSED)
  t.match(await a.record('logs'), { state: 'removing' })
  await t.rejects(a.mount('logs', 'new'), { message: /being removed: docker volume rm/ })
  for (const undo of real) undo()
  await a.remove('logs')
  await a.restore('logs')
  for (const name of ['a', 'b']) {
    t.strictSame([...filesIn(a, ['logs', 'web', name, 'logs'])], ['old'], `of host ${name}`)
  }
})

/** Of a folder of the cluster file system, which is there. */
function filesIn({ machine: { tree } }: Host, place: Place): Set<string> {
  const folder = tree.find(place)
  if (!folder) throw new Error(`There is no folder ${place.join('/')}`)
  return folder.files
}

async function placeOf(host: Host, name: string): Promise<Place> {
  const record = await host.record(name)
  if (!record) throw new Error(`There is no volume ${name}`)
  return host.cluster.mounting.placeOf(record)
}

/** @returns what undoes it */
function changeMoves(
  { files }: Host,
  change: (from: Place, move: () => Promise<'moved' | 'gone'>) => Promise<'moved' | 'gone'>,
): () => void {
  const move = files.move.bind(files)
  files.move = async (from, to) => {
    return await change(from, async () => await move(from, to))
  }
  return () => {
    files.move = move
  }
}

/** What the host renames from now on is renamed only when it arrives. */
function holdMoves(host: Host): { readonly asked: Promise<void>; readonly arrive: () => void } {
  const asked = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  const undo = changeMoves(host, async (_, move) => {
    asked.resolve()
    await arrived.promise
    return await move()
  })
  const arrive = () => {
    undo()
    arrived.resolve()
  }
  return { asked: asked.promise, arrive }
}
