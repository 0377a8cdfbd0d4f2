import { spawn } from 'node:child_process'
import { mkdir, readFile, readdir, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { ClusterId } from '../../../../volume-plugin/cluster/cluster-files.ts'
import type { Job } from '../../../../volume-plugin/cluster/hand-words.ts'
import { Hands } from '../../../../volume-plugin/cluster/hands.ts'
import { AWAY, PLAIN, WEB, allRefused } from './refused.ts'
import { FilesWorld, ID, canHaveFiles, until } from './world.ts'

if (!canHaveFiles(t)) process.exit()

const ROOT = join(import.meta.dirname, '..', '..', '..', '..')

await t.test('unmounted, it is refused at once, and the folder underneath stays empty', async t => {
  const world = await FilesWorld.open(t)
  const files = await world.begun()
  await world.unmount()
  const begun = performance.now()
  await allRefused(t, world, files, /Nothing is mounted on/)
  t.ok(performance.now() - begun < 500, 'no program was started for that')
  t.strictSame(await readdir(world.root), [])
  t.match(await files.view(), { ok: false, at: undefined })
  await world.mount()
  t.equal(await files.check(), ID, 'mounted again, it is used again')
})

await t.test('what is mounted there, but is not it, is refused', async t => {
  const world = await FilesWorld.open(t)
  await world.begun()
  await allRefused(t, world, world.files({ types: ['nfs4'] }), /CLUSTER_FSTYPE allows nfs4/)
  const other = 'f'.repeat(32) as ClusterId
  const mistaken = world.files({ expected: () => other })
  await t.rejects(mistaken.check(), { ...AWAY, message: /is another one: its id is 0123/ })
  await t.rejects(mistaken.make(WEB, PLAIN), AWAY)
  t.equal(await mistaken.init(other), ID, 'it keeps its id')
  await world.unmount()
  await world.mount('-r')
  await allRefused(t, world, world.files(), /is read-only/)
})

await t.test('an id that cannot be read is no id', async t => {
  const world = await FilesWorld.open(t)
  const files = await world.begun()
  await writeFile(join(world.source, '.berth', 'cluster.json'), '{"cluster":"..')
  const expected = { ...AWAY, message: /cluster\.json is damaged/ }
  await t.rejects(files.check(), expected)
  await t.rejects(files.init(ID), expected)
  await t.rejects(files.make(WEB, PLAIN), expected)
  t.equal(await readFile(join(world.source, '.berth', 'cluster.json'), 'utf8'), '{"cluster":"..')
})

await t.test('without links, an id is given all the same, once', async t => {
  const world = await FilesWorld.open(t)
  const init = (id: string) => withFault(world, 'link', 'error=EPERM', { do: 'init', id })
  t.strictSame(await init(ID), { ok: true, value: ID })
  t.strictSame(await init('f'.repeat(32)), { ok: true, value: ID })
  t.strictSame(await readdir(join(world.source, '.berth')), ['cluster.json'])
})

await t.test('what confuses it for a moment is tried again', async t => {
  const world = await FilesWorld.open(t)
  const files = await world.begun()
  const make = (fault: string) =>
    withFault(world, 'mkdir', fault, { do: 'make', place: [...WEB, fault], mode: 0o700 })
  t.strictSame(await make('error=EIO:when=1'), { ok: true })
  t.strictSame(await make('error=ESTALE:when=1..2'), { ok: true })
  t.match(await make('error=EIO'), { ok: false, code: 'cluster-away', message: /EIO/ })
  t.match(await make('error=ENOSPC'), { ok: false, code: undefined, message: /^make vol.*ENOSPC/ })
  t.strictSame([...(await files.folders(WEB))].toSorted(), [
    'error=EIO:when=1',
    'error=ESTALE:when=1..2',
  ])
})

await t.test(
  'broken and mounted again, it is used again, and mounted anew for engines',
  async t => {
    const world = await FilesWorld.open(t)
    const files = await world.begun()
    const at = world.at('web')
    await files.make(WEB, PLAIN)
    await files.bind(WEB, at)
    await writeFile(join(at, 'before'), '')
    const old = await world.mounted(at)
    world.signal('SIGKILL')
    await world.daemonsEnd()
    await allRefused(t, world, files, /does not work \(.*ENOTCONN/)
    await world.unmount()
    await t.rejects(files.bind(WEB, at), /Nothing is mounted on/)
    await world.mount()
    await t.rejects(stat(at), { code: 'ENOTCONN' }, 'what was mounted stays broken')
    await files.bind(WEB, at)
    t.strictSame(await readdir(at), ['before'])
    t.not((await world.mounted(at))?.device, old?.device)
    await world.binds.detach(at)
    await world.binds.detach(at)
    t.equal(await world.mounted(at), undefined)
    await t.rejects(stat(at), { code: 'ENOENT' })
  },
)

await t.test('a folder that another host made anew is mounted anew', async t => {
  const world = await FilesWorld.open(t)
  const files = await world.begun()
  const folder = join(world.source, ...WEB)
  await files.make(WEB, PLAIN)
  await files.bind(WEB, world.at('web'))
  await rename(folder, join(world.source, 'old'))
  await mkdir(folder)
  await writeFile(join(folder, 'new'), '')
  await until(async () => {
    await files.bind(WEB, world.at('web'))
    return (await readdir(world.at('web'))).includes('new')
  })
  t.pass('as soon as this host knows')
})

await t.test('what takes long to destroy is gone on with', async t => {
  const world = await FilesWorld.open(t)
  const files = await world.begun()
  const place = ['.berth', 'parked', '1']
  await files.make(place, PLAIN)
  for (let at = 0; at < 3000; at++) {
    await writeFile(join(world.source, ...place, `file-${at}`), '')
  }
  const hands = new Hands({ root: world.root, mount: '', types: ['fuse'] })
  const answer = await hands.run({ do: 'destroy', place, withinMs: 30 }, 20_000)
  t.strictSame(answer, { ok: true, value: 'more' })
  t.equal(await files.destroy(place), 'gone')
  await t.rejects(stat(join(world.source, ...place)), { code: 'ENOENT' })
})

/** Does a job as the plugin has it done, on a file system that refuses a system call. */
async function withFault(
  world: FilesWorld,
  call: string,
  fault: string,
  job: Job,
): Promise<unknown> {
  const hand = join(ROOT, 'volume-plugin', 'cluster', 'hand.ts')
  const settings = JSON.stringify({ root: world.root, mount: '', types: ['fuse'] })
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:${fault}`]
  const child = spawn('strace', [
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    ...inject,
    process.execPath,
    hand,
    settings,
  ])
  child.stdin.end(`${JSON.stringify(job)}\n`)
  const [, answer = ''] = (await text(child.stdout)).split('\n')
  return JSON.parse(answer)
}
