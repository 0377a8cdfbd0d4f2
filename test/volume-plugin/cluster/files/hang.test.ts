import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Hands } from '../../../../volume-plugin/cluster/hands.ts'
import { AWAY, PLAIN, WEB, allRefused } from './refused.ts'
import { FilesWorld, ID, canHaveFiles, until } from './world.ts'

if (!canHaveFiles(t)) process.exit()

const ANSWER_MS = 1500
/** Of a machine that has other things to do. */
const SLACK_MS = 1500

await t.test('hung, it costs each caller its deadline at most, and then nothing', async t => {
  const world = await FilesWorld.open(t)
  const files = await world.begun({ answerMs: ANSWER_MS })
  await files.make(WEB, PLAIN)
  const before = await children()
  world.signal('SIGSTOP')
  const begun = performance.now()
  const calls = Array.from({ length: 20 }, () => files.check())
  for (const call of await Promise.allSettled(calls)) {
    t.match(call, {
      status: 'rejected',
      reason: { ...AWAY, message: /did not answer within 1\.5/ },
    })
  }
  t.ok(performance.now() - begun < ANSWER_MS + SLACK_MS)
  const again = performance.now()
  await allRefused(t, world, files, /did not answer within/)
  t.ok(performance.now() - again < 500, 'it is not asked again for each caller')
  t.ok((await readFile('/etc/hostname')).length >= 0, 'other files are read as ever')
  await until(async () => (await children()).length - before.length <= 1)
  world.signal('SIGCONT')
  await until(async () => files.check().then(Boolean, () => false))
  await files.bind(WEB, world.at('web'))
  await until(async () => (await children()).length <= before.length)
  t.pass('no program is left')
})

await t.test('hung and mounted anew, the new one is asked', async t => {
  const world = await FilesWorld.open(t)
  const files = await world.begun({ answerMs: ANSWER_MS })
  await files.make(WEB, PLAIN)
  await files.bind(WEB, world.at('web'))
  world.signal('SIGSTOP')
  await t.rejects(files.check(), AWAY)
  await world.unmount()
  await t.rejects(files.check(), /Nothing is mounted on/)
  await world.mount()
  t.equal(await files.check(), ID)
  await files.bind(WEB, world.at('web'))
  t.strictSame(await readdir(world.at('web')), [], 'what hangs there is detached')
})

await t.test('what hangs can be detached', async t => {
  const world = await FilesWorld.open(t)
  const files = await world.begun()
  await files.make(WEB, PLAIN)
  await files.bind(WEB, world.at('web'))
  world.signal('SIGSTOP')
  await world.binds.detach(world.at('web'))
  t.notOk((await world.binds.mounted()).includes(world.at('web')))
  world.signal('SIGCONT')
})

await t.test('who was late does nothing more, nor do the tools that it runs', async t => {
  const world = await FilesWorld.open(t)
  const files = await world.begun()
  const place = ['.berth', 'parked', '1']
  const folder = join(world.source, ...place)
  await files.make(place, PLAIN)
  for (let at = 0; at < 5000; at++) await writeFile(join(folder, `file-${at}`), '')
  const hands = new Hands({ root: world.root, mount: '', types: ['fuse'] })
  const late = hands.run({ do: 'destroy', place, withinMs: 60_000 }, 4000)
  late.catch(() => {})
  await until(async () => (await readdir(folder)).length < 5000)
  world.signal('SIGSTOP')
  const left = (await readdir(folder)).length
  await t.rejects(late, { name: 'HandLate' })
  world.signal('SIGCONT')
  await sleep(500)
  t.ok((await readdir(folder)).length >= left - 10, `of ${left} files`)
})

/** Programs that this one started, and that live. */
async function children(): Promise<readonly string[]> {
  const ids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const stats = await Promise.all(
    ids.map(id => readFile(`/proc/${id}/stat`, 'utf8').catch(() => '')),
  )
  const parentOf = (text: string) => text.slice(text.lastIndexOf(')') + 2).split(' ')[1]
  return stats.filter(text => parentOf(text) === String(process.pid))
}
