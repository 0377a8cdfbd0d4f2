import { join } from 'node:path'
import t from 'tap'
import { hostsOf } from './host.ts'

const EXCLUSIVE = { access: 'exclusive' }
const HELD = { code: 'held-elsewhere' }

for (const isTended of [true, false]) {
  const when = isTended ? 'tended to' : 'not tended to before the next mount'
  await t.test(
    `what a host had before it lost its notes it has until break-lock, ${when}`,
    async t => {
      const [a, b] = await hostsOf(t, ['a', 'b'])
      await a.create('db', EXCLUSIVE)
      await a.mount('db', 'runs')
      const after = await a.restarted({ state: join(a.machine.state, 'new') })
      await t.rejects(after.tend(), { message: /its memory here is empty/ })
      if (isTended) await after.adopt()
      else await after.cluster.registration.adopt()
      await after.mount('db', 'ends')
      await after.unmount('db', 'ends')
      await after.tend()
      await b.tend()
      await t.rejects(b.mount('db', 'other'), HELD)
      await t.rejects(b.remove('db'), { code: 'volume-in-use' })
      await b.breakLock('db', after)
      t.ok(await b.mount('db', 'other'))
      await after.tend()
      t.match(after.lost, [/^db: it was taken from host a/])
    },
  )
}

await t.test('what a host had before it lost its notes and was booted it has no more', async t => {
  const [a, b] = await hostsOf(t, ['a', 'b'])
  await a.create('db', EXCLUSIVE)
  await a.mount('db', 'runs')
  const after = await a.restarted({ state: join(a.machine.state, 'new'), boot: 'later' })
  await after.adopt()
  await b.tend()
  t.ok(await b.mount('db', 'other'))
  t.strictSame(after.lost, [])
})
