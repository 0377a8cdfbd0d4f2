import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { Hands } from '../../../../volume-plugin/cluster/hands.ts'

const PROGRAM = join(import.meta.dirname, 'without-descriptors.ts')

await t.test('a plugin that has no descriptors left says so, and goes on once it has', async t => {
  const child = spawn('prlimit', ['--nofile=64', process.execPath, PROGRAM])
  const [said, complained, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  t.strictSame({ code, complained }, { code: 0, complained: '' }, 'it lives')
  const error = /^The program that asks the cluster file system .*EMFILE/
  t.match(JSON.parse(said), {
    told: [{ error }, { error }],
    later: { ok: false, code: 'cluster-away', message: /Nothing is mounted on \/nowhere/ },
  })
})

await t.test(
  'a program that the system refuses to run is told, and keeps nobody waiting',
  async t => {
    // Longer than an argument may be.
    const hands = new Hands({ root: `/${'x'.repeat(200_000)}`, mount: '', types: ['fuse'] })
    t.teardown(() => hands.close())
    const message = /^The program that asks the cluster file system cannot be run: spawn E2BIG$/
    const asked = Array.from({ length: 6 }, () => hands.run({ do: 'check' }, 20_000))
    await Promise.all(asked.map(async each => await t.rejects(each, { message })))
  },
)
