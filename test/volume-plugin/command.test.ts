import { openSync, closeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { command, CommandFailed, words } from '../../volume-plugin/command.ts'
import { isAlive, identify } from '../engine/lab/processes.ts'

const deadlineMs = 30_000
const sh = (script: string, more: { deadlineMs?: number; descriptor?: number } = {}) =>
  command('sh', ['-c', script], { deadlineMs, ...more })

await t.test('what a tool says, and how it ends, is told', async t => {
  t.strictSame(await sh('echo a; echo b >&2; echo c >&2; exit 3'), {
    code: 3,
    stdout: 'a\n',
    stderr: 'b\nc\n',
  })
  t.equal(words(await sh('echo b >&2; echo c >&2; exit 3')), 'b; c')
  t.equal(words(await sh('exit 3')), 'it ended with 3')
})

await t.test('arguments are not read by a shell, and tools speak English', async t => {
  const { stdout } = await command('printf', ['%s|', '$HOME; rm', '*'], { deadlineMs })
  t.equal(stdout, '$HOME; rm|*|')
  t.equal((await sh('echo "$LC_ALL $HOME"')).stdout, 'C \n')
})

await t.test('a tool that is not there, or is killed, has no answer', async t => {
  await t.rejects(command('no-such-tool', [], { deadlineMs }), CommandFailed)
  await t.rejects(command('sh', [], { deadlineMs, path: '/nowhere' }), /cannot be run/)
  await t.rejects(sh('kill -9 $$'), /was ended by SIGKILL/)
})

await t.test('a tool that does not end is killed at its deadline', async t => {
  const begun = Date.now()
  await t.rejects(sh('exec sleep 987654', { deadlineMs: 200 }), /did not end within 0.2 s/)
  t.ok(Date.now() - begun < 20_000)
})

await t.test('one whose child keeps its output open is not waited for', async t => {
  const { stdout } = await sh('echo $$; exec sleep 0.1')
  await delay(10)
  const left = identify(Number(stdout))
  t.notOk(left && isAlive(left))
  await t.rejects(sh('sleep 3 & exit 0', { deadlineMs: 200 }), /did not end/)
})

await t.test('a tool gets the descriptor that it is given, and no other', async t => {
  const file = openSync(import.meta.filename, 'r')
  t.teardown(() => closeSync(file))
  const { stdout } = await sh('readlink /proc/$$/fd/3', { descriptor: file })
  t.equal(stdout.trim(), import.meta.filename)
  t.equal((await sh('readlink /proc/$$/fd/3')).stdout, '')
})

await t.test('endless output fills no memory', async t => {
  const { stdout } = await sh('head -c 20000000 /dev/zero')
  t.ok(stdout.length < 2_000_000)
})
