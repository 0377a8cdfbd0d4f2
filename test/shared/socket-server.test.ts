import { once } from 'node:events'
import { existsSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { execPath } from 'node:process'
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { listenOnSocket } from '../../shared/socket-server.ts'
import { servedPlugin } from './plugin-world.ts'

t.chdir(t.testdir({}))

const nothing = () => {}

await t.test('only the owner may use the socket', async t => {
  const { socket } = await servedPlugin(t, {})
  t.equal(lstatSync(socket).mode & 0o777, 0o600)
})

await t.test('a socket that a dead process left behind is replaced', async t => {
  await leaveSocket('stale.sock')
  t.ok(lstatSync('stale.sock').isSocket())
  const server = await listenOnSocket(nothing, 'stale.sock')
  await server.close(0)
})

await t.test('a socket that a living process serves is refused, and goes on working', async t => {
  const { socket, connect } = await servedPlugin(t, { Echo: () => ({ living: true }) })
  await t.rejects(listenOnSocket(nothing, socket), {
    message: `Cannot listen at ${socket}: another process serves it`,
  })
  t.match(await (await connect()).post('Echo', '{}'), { body: { living: true } })
})

await t.test('a file that is no socket is refused and left as it is', async t => {
  const refused = { message: /^Cannot listen at .*: a file is there that is no socket$/ }
  writeFileSync('precious', 'text')
  symlinkSync('precious', 'link')
  await t.rejects(listenOnSocket(nothing, 'precious'), refused)
  await t.rejects(listenOnSocket(nothing, 'link'), refused)
  t.equal(readFileSync('precious', 'utf8'), 'text')
})

await t.test('a folder that is not there is an error, not a crash', async t => {
  await t.rejects(listenOnSocket(nothing, 'no/such/folder.sock'), { code: /ENOENT|EACCES/ })
})

await t.test('close() ends idle connections at once, and removes the socket', async t => {
  const { socket, server, connect } = await servedPlugin(t, { Echo: () => ({}) })
  const idle = await connect()
  await idle.post('Echo', '{}')
  t.ok((await timeOf(server.close(3000))) < 1000)
  await closed(idle.socket)
  t.notOk(existsSync(socket))
})

await t.test('close() does not wait for a connection that never asked anything', async t => {
  const { server, connect } = await servedPlugin(t, {})
  await connect()
  t.ok((await timeOf(server.close(1500))) < 1000, 'at once')
})

await t.test('close() lets work under way finish and be answered', async t => {
  const gate = Promise.withResolvers<object>()
  const { server, connect } = await servedPlugin(t, { Echo: () => ({}), Slow: () => gate.promise })
  const [slow, idle] = [await connect(), await connect()]
  await idle.post('Echo', '{}')
  slow.send('Slow', '{}')
  await sleep(50)
  let finished = false
  const closing = server.close(5000).then(() => (finished = true))
  await closed(idle.socket)
  await sleep(100)
  t.notOk(finished, 'it waits')
  gate.resolve({ done: true })
  t.match(await slow.answer(), { status: 200, body: { done: true } })
  t.ok((await timeOf(closing)) < 1000, 'and then no longer')
})

await t.test('close() does not wait for work longer than it may', async t => {
  const gate = Promise.withResolvers<object>()
  const { server, connect, lines } = await servedPlugin(t, { Stuck: () => gate.promise })
  const stuck = await connect()
  stuck.send('Stuck', '{}')
  await sleep(50)
  const took = await timeOf(server.close(300))
  t.ok(took >= 290 && took < 1500, `took ${took} ms`)
  await t.rejects(stuck.answer(), /closed without an answer/)
  gate.resolve({})
  await sleep(20)
  t.equal(lines.length, 1)
})

async function timeOf(job: Promise<unknown>): Promise<number> {
  const started = performance.now()
  await job
  return performance.now() - started
}

async function closed(socket: { readonly closed: boolean } & NodeJS.EventEmitter): Promise<void> {
  if (!socket.closed) await once(socket, 'close', { signal: AbortSignal.timeout(5000) })
}

/** Binds the socket in another process and kills that, so that nobody removes the file. */
async function leaveSocket(path: string): Promise<void> {
  const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`
  const holder = spawn(execPath, ['--eval', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(holder.stdout, 'data')
  holder.kill('SIGKILL')
  await once(holder, 'exit')
}
