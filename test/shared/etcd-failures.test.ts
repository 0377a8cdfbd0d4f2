import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { commitFirmly } from '../../shared/commit-firmly.ts'
import { OutcomeUnknown, StoreUnavailable } from '../../shared/store.ts'
import type { Entry, Store } from '../../shared/store.ts'
import { Etcd } from '../etcd/etcd.ts'
import { freePorts } from '../etcd/free-ports.ts'
import { Proxy } from '../etcd/proxy.ts'
import { REFUSED_WITHIN_MS, claim, failure, open, until, works } from './etcd-world.ts'

const AT_ONCE_MS = 100
/** As long as the plugin goes on with a claim. */
const CLAIM_MS = 900
const ASKING = fileURLToPath(new URL('etcd-asking.ts', import.meta.url))
const execFileAsync = promisify(execFile)

t.setTimeout(120_000)

const single = await Etcd.start(t)

await t.test('an etcd that was never there is told with every endpoint, then at once', async t => {
  const urls = (await freePorts(3)).map(port => `http://127.0.0.1:${port}`)
  const store = open(t, urls)
  const first = await failure(claim(store, 'a'))
  t.ok(first.error instanceof StoreUnavailable)
  for (const url of urls) t.match(first.error, { message: new RegExp(`${url}: .*ECONNREFUSED`) })
  t.ok(first.ms < REFUSED_WITHIN_MS, `${first.ms} ms`)
  for (const call of [claim(store, 'a'), store.get('a'), store.list('', '~', 9), store.history()]) {
    const { error, ms } = await failure(call)
    t.ok(error instanceof StoreUnavailable)
    t.ok(ms < AT_ONCE_MS, `${ms} ms`)
  }
})

await t.test('an endpoint that takes connections and answers nothing is told in time', async t => {
  const proxy = await Proxy.start(t, single.member(0).port)
  await proxy.stall()
  for (const call of [
    async (store: Store) => await claim(store, 'a'),
    async (store: Store) => await store.get('a'),
    async (store: Store) => await store.list('', '~', Number.MAX_SAFE_INTEGER),
    async (store: Store) => await store.history(),
  ]) {
    const { error, ms } = await failure(call(open(t, [proxy.url])))
    t.ok(error instanceof StoreUnavailable, String(error))
    t.ok(ms < REFUSED_WITHIN_MS, `${ms} ms`)
  }
})

await t.test('an etcd that comes back is used again, by the same store', async t => {
  const proxy = await Proxy.start(t, single.member(0).port)
  await proxy.refuse()
  const store = open(t, [proxy.url])
  t.ok((await failure(store.get('a'))).error instanceof StoreUnavailable)
  await proxy.pass()
  await until(async () => await works(store))
  t.match(await claim(store, 'a'), { committed: true })

  await proxy.stall()
  t.ok((await failure(store.get('a'))).error instanceof StoreUnavailable)
  await proxy.pass()
  await until(async () => await works(store))
  t.match(await store.get('a'), { value: 'mine' })
})

await t.test('a short outage is waited for', async t => {
  const proxy = await Proxy.start(t, single.member(0).port)
  // More than one try: on a busy machine an outage may not be as short as it was meant to be.
  await until(async () => {
    await proxy.refuse()
    const claimed = claim(open(t, [proxy.url]), 'a').catch(() => undefined)
    await sleep(50)
    await proxy.pass()
    return (await claimed)?.committed === true
  })
})

await t.test('a commit that met a refused connection is surely not written', async t => {
  const proxy = await Proxy.start(t, single.member(0).port)
  const store = open(t, [proxy.url])
  await store.get('a')
  await proxy.refuse()
  await sleep(50)
  t.ok((await failure(claim(store, 'a'))).error instanceof StoreUnavailable)
})

await t.test('a commit whose answer is swallowed is unknown, and the same again tells', async t => {
  const proxy = await Proxy.start(t, single.member(0).port)
  const store = open(t, [proxy.url])
  await store.get('a')
  await proxy.holdAnswers()
  const { error, ms } = await failure(claim(store, 'a'))
  t.ok(error instanceof OutcomeUnknown, String(error))
  t.match(error, { message: new RegExp(`${proxy.url} may have written it, or not: No answer`) })
  t.ok(ms < REFUSED_WITHIN_MS, `${ms} ms`)
  await proxy.pass()
  await until(async () => await works(store))
  t.match(await claim(store, 'a'), { committed: false })
  t.match(await store.get('a'), { value: 'mine' })
})

await t.test('a commit whose connection breaks before the answer is unknown', async t => {
  const proxy = await Proxy.start(t, single.member(0).port)
  const store = open(t, [proxy.url])
  await store.get('a')
  await proxy.holdAnswers()
  const failed = failure(claim(store, 'a'))
  await sleep(100)
  proxy.cut()
  t.ok((await failed).error instanceof OutcomeUnknown)
})

await t.test('slow answers are answers', async t => {
  const proxy = await Proxy.start(t, single.member(0).port)
  const store = open(t, [proxy.url])
  await store.get('a')
  proxy.delay({ requestMs: 100, answerMs: 100 })
  t.match(await claim(store, 'a'), { committed: true })
  t.match(await claim(store, 'a'), { committed: false })
})

await t.test('what one endpoint cannot do, another does in the same call', async t => {
  const [gone = 0] = await freePorts(1)
  const proxy = await Proxy.start(t, single.member(0).port)
  const endpoints = [`http://127.0.0.1:${gone}`, proxy.url, single.member(0).url]
  await proxy.stall()
  const prefix = `/${crypto.randomUUID()}`
  const reader = open(t, endpoints, { prefix })
  t.equal(await reader.get('a'), undefined)

  const writer = open(t, endpoints, { prefix })
  t.match(await claim(writer, 'a'), { committed: true }, 'without a connection it was not sent')
  const before = performance.now()
  t.match(await writer.get('a'), { value: 'mine' })
  t.ok(performance.now() - before < 300, 'it stays with the one that works')
})

await t.test('a commit that was sent is not given to another endpoint', async t => {
  const proxy = await Proxy.start(t, single.member(0).port)
  const store = open(t, [proxy.url, single.member(0).url])
  await store.get('a')
  await proxy.holdAnswers()
  t.ok((await failure(claim(store, 'a'))).error instanceof OutcomeUnknown)
  t.match(await claim(store, 'a'), { committed: false }, 'the next one is, and sees the first')
})

await t.test('a claim that is not answered is repeated in time at another endpoint', async t => {
  const proxy = await Proxy.start(t, single.member(0).port)
  const transaction = {
    require: [{ key: 'a', is: 'absent' } as const],
    write: [{ put: 'a', value: 'mine' }],
  }
  const isMine = (now: ReadonlyMap<string, Entry>) => now.get('a')?.value === 'mine'
  // A slow machine may be late once.
  await until(async () => {
    await proxy.pass()
    const store = open(t, [proxy.url, single.member(0).url])
    await store.get('a')
    await proxy.holdAnswers()
    const claiming = commitFirmly(store, transaction, isMine, performance.now() + CLAIM_MS)
    return (await claiming.catch(() => undefined))?.committed === true
  })
})

await t.test('the only endpoint is waited for as long as a call may take', async t => {
  const proxy = await Proxy.start(t, single.member(0).port)
  const store = open(t, [proxy.url])
  await store.get('a')
  proxy.delay({ answerMs: 750 })
  let count = 0
  await until(async () => {
    const result = await claim(store, `a-${count++}`).catch(() => undefined)
    return result?.committed === true
  })
})

await t.test('close() ends calls that wait, and refuses others', async t => {
  const [port = 0] = await freePorts(1)
  const store = open(t, [`http://127.0.0.1:${port}`])
  const waiting = failure(store.get('a'))
  await store.close()
  t.ok((await waiting).error instanceof StoreUnavailable)
  t.match((await failure(store.get('a'))).error, { message: 'The store was closed' })
})

await t.test('close() lets a commit under way end', async t => {
  const proxy = await Proxy.start(t, single.member(0).port)
  const store = open(t, [proxy.url])
  await store.get('a')
  proxy.delay({ answerMs: 200 })
  const claimed = claim(store, 'a')
  await sleep(50)
  await store.close()
  t.match(await claimed, { committed: true })
})

await t.test('a transaction that etcd would refuse is an error of the one who asks', async t => {
  const store = open(t, single.urls)
  const keys = Array.from({ length: 129 }, (_, i) => `k${i}`)
  const tooMany = store.commit({ require: [], write: keys.map(put => ({ put, value: '' })) })
  await t.rejects(tooMany, { name: 'Error', message: /129 writes is too large/ })
  const twice = [
    { put: 'a', value: '1' },
    { put: 'a', value: '2' },
  ]
  await t.rejects(store.commit({ require: [], write: twice }), { message: /duplicate key/ })
  await t.rejects(claim(store, 'a', 'x'.repeat(2_000_000)), { message: /request is too large/ })
  t.equal(await store.get('a'), undefined)
})

await t.test('a list of many pages is whole', async t => {
  const store = open(t, single.urls)
  const keys = Array.from({ length: 2500 }, (_, i) => `k${String(i).padStart(5, '0')}`)
  const value = 'x'.repeat(1000)
  for (let i = 0; i < keys.length; i += 100) {
    const write = keys.slice(i, i + 100).map(put => ({ put, value }))
    await store.commit({ require: [], write })
  }
  const found = async (from: string, limit: number) =>
    (await store.list(from, 'l', limit)).map(({ key }) => key)
  t.strictSame(await found('', Number.MAX_SAFE_INTEGER), keys)
  t.strictSame(await found('', 1000), keys.slice(0, 1000))
  t.strictSame(await found('k00001', 2001), keys.slice(1, 2002))
  t.strictSame(await found('', 0), [])
})

await t.test('no process stays for its store, etcd there or not', async t => {
  const [port = 0] = await freePorts(1)
  const stalled = await Proxy.start(t, single.member(0).port)
  await stalled.stall()
  for (const [url = '', close] of [
    [single.urls[0], ''],
    [single.urls[0], 'close'],
    [`http://127.0.0.1:${port}`, ''],
    [stalled.url, ''],
    [stalled.url, 'close'],
  ] as const) {
    const args = [ASKING, url, close]
    const asking = execFileAsync(process.execPath, args, { timeout: 30_000, env: {} })
    t.match(await asking, { stdout: 'done\n' }, `${url} ${close}`)
  }
})
