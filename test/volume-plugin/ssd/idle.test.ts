import { open } from 'node:fs/promises'
import { t as file } from 'tap'
import type { Test } from 'tap'
import { canUseDisks } from '../../disks/requirements.ts'
import { Host, withVolume } from './host.ts'

file.setTimeout(120_000)

const MINUTE = 60_000
const STARTING = { code: 'volume-in-use', message: /mounted a moment ago/ }

if (canUseDisks()) {
  await file.test('what was busy when its last user went is unmounted later', async t => {
    const host = await Host.create(t, 1)
    await withVolume(host)
    const running = await host.start()
    const root = await running.mount('db')
    const inside = await open(root)
    await running.unmount('db')
    t.equal((await running.get('db'))?.mountpoint, root, 'somebody has a file open')
    await inside.close()
    await running.ssd.tend()
    t.equal((await running.get('db'))?.mountpoint, undefined)
    t.notOk((await running.ssd.mounts.list()).some(({ at }) => root.startsWith(`${at}/`)))
  })

  await file.test('a mount that nobody took away keeps a volume for half a minute', async t => {
    const host = await Host.create(t, 1)
    await withVolume(host)
    const pass = stoppedTime(t)
    const running = await host.start()
    await running.mount('db')
    await t.rejects(running.remove('db'), STARTING)
    pass(29_000)
    await t.rejects(running.remove('db'), STARTING)
    pass(1000)
    await running.remove('db')
    t.strictSame(running.states, ['db parked'])
  })

  await file.test('so does one of an earlier process', async t => {
    const host = await Host.create(t, 1)
    await withVolume(host)
    const pass = stoppedTime(t)
    const before = await host.start()
    await before.mount('db')
    await before.end()
    pass(MINUTE)
    const running = await host.start()
    await t.rejects(running.remove('db'), STARTING)
    pass(30_000)
    await running.remove('db')
    t.strictSame(running.states, ['db parked'])
  })

  await file.test('the time that a volume was kept is known after the next start', async t => {
    const host = await Host.create(t, 1)
    await withVolume(host)
    const pass = stoppedTime(t)
    const running = await host.start()
    await running.remove('db')
    for (let minute = 0; minute < 19; minute++) {
      pass(MINUTE)
      await running.ssd.tend()
    }
    await running.end()
    const later = await host.start()
    t.match(later.ssd.claims.all(), [{ state: { is: 'parked', keptMs: 10 * MINUTE } }])
  })
}

/** @returns what lets time pass, which does not pass of itself any more */
function stoppedTime(t: Test): (ms: number) => void {
  let now = Math.ceil(performance.now())
  t.intercept(performance, 'now', { value: () => now })
  return ms => {
    now += ms
  }
}
