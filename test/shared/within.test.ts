import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { within } from '../../shared/within.ts'

const LONG_MS = 60_000

await t.test('what ends in time is told, and nothing is waited for any more', async t => {
  const started = performance.now()
  t.equal(await within(sleep(10, 'done'), LONG_MS), 'done')
  t.ok(performance.now() - started < LONG_MS / 2)
})

await t.test('what fails in time is thrown', async t => {
  const failing = sleep(10).then(() => Promise.reject(new Error('it broke')))
  await t.rejects(within(failing, LONG_MS), { message: 'it broke' })
})

await t.test('what goes on is undefined, and goes on', async t => {
  const { promise, resolve } = Promise.withResolvers<string>()
  // The helper's own clock keeps no process alive.
  const alive = setTimeout(() => {}, LONG_MS)
  t.equal(await within(promise, 20), undefined)
  clearTimeout(alive)
  resolve('done')
  t.equal(await promise, 'done')
})

await t.test('what fails later disturbs nobody', async t => {
  const alive = setTimeout(() => {}, LONG_MS)
  const { promise, reject } = Promise.withResolvers<void>()
  t.equal(await within(promise, 20), undefined)
  clearTimeout(alive)
  reject(new Error('too late to matter'))
  await sleep(20)
})
