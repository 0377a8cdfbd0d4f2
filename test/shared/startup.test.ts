import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Startup } from '../../shared/startup.ts'

await t.test('requests are held while it opens, and get what was opened', async t => {
  const gate = Promise.withResolvers<string>()
  const startup = new Startup(
    () => gate.promise,
    () => t.fail('it opened'),
  )
  const held = [startup.value(), startup.value()]
  t.equal(await Promise.race([held[0], sleep(150, 'held')]), 'held')
  gate.resolve('open')
  t.strictSame(await Promise.all(held), ['open', 'open'])
  t.equal(await startup.value(), 'open')
  t.equal(await startup.stop(), 'open')
})

await t.test(
  'while opening fails, requests are refused within two seconds, with the reason',
  async t => {
    const cause = new Error('the folder is locked')
    const startup = new Startup(
      () => Promise.reject(cause),
      () => {},
    )
    t.teardown(() => startup.stop())
    const started = performance.now()
    await t.rejects(startup.value(), {
      name: 'Refusal',
      code: 'not-ready',
      message: 'The plugin cannot answer yet: the folder is locked',
      cause,
    })
    const took = performance.now() - started
    t.ok(took > 1500 && took < 2900, `took ${took} ms: it might have become ready`)
  },
)

await t.test(
  'it is tried again until it opens; a request that waited is answered then',
  async t => {
    let attempts = 0
    const startup = new Startup(
      async () => {
        if (++attempts < 2) throw new Error('not yet')
        return 'open'
      },
      () => {},
    )
    t.equal(await startup.value(), 'open')
    t.equal(attempts, 2)
    t.equal(await startup.stop(), 'open')
  },
)

await t.test('each reason is told once, a new one again', async t => {
  const reasons = ['locked', 'locked', 'corrupt']
  const told: string[] = []
  const startup = new Startup<string>(
    () => {
      const reason = reasons.shift()
      // oxlint-disable-next-line typescript/only-throw-error, typescript/prefer-promise-reject-errors -- a careless dependency
      return reason === undefined ? Promise.resolve('open') : Promise.reject(reason)
    },
    ({ message }) => told.push(message),
  )
  await sleep(1500)
  t.strictSame(told, ['locked'])
  await sleep(1000)
  t.strictSame(told, ['locked', 'corrupt'])
  t.equal(await startup.value(), 'open')
})

await t.test('an opening that takes very long is not waited for without end', async t => {
  const gate = Promise.withResolvers<string>()
  const startup = new Startup(
    () => gate.promise,
    () => t.fail('it opened'),
  )
  const now = performance.now.bind(performance)
  let jump = 0
  t.intercept(performance, 'now', { value: () => now() + jump })
  const held = startup.value()
  await sleep(50)
  jump = 19_000
  t.equal(await Promise.race([held, sleep(100, 'held')]), 'held')
  jump = 21_000
  await t.rejects(held, { code: 'not-ready', message: /it is still reading its state/ })
  gate.resolve('open')
  t.equal(await startup.stop(), 'open')
})

await t.test('stop() ends the attempts at once, with nothing opened', async t => {
  let attempts = 0
  const startup = new Startup(
    async () => {
      attempts += 1
      throw new Error('no')
    },
    () => {},
  )
  await sleep(20)
  const started = performance.now()
  t.equal(await startup.stop(), undefined)
  t.ok(performance.now() - started < 500)
  await sleep(1200)
  t.equal(attempts, 1)
})
