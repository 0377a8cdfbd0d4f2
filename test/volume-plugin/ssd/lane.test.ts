import { setTimeout as delay } from 'node:timers/promises'
import { open } from 'node:fs/promises'
import t from 'tap'
import { Lane } from '../../../volume-plugin/ssd/lane.ts'

await t.test('one thing is done after the other, and a failure stops nobody', async t => {
  const lane = new Lane('/dev/sdy')
  let underWay = 0
  const act = async () => {
    underWay += 1
    t.equal(underWay, 1)
    await delay(10)
    underWay -= 1
    return 'done'
  }
  const fail = () => Promise.reject(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }))
  const all = [lane.run('read', act), lane.run('write', fail), lane.run('read', act)]
  t.match(await Promise.allSettled(all), [
    { value: 'done' },
    { reason: { message: 'Cannot write /dev/sdy: EIO: i/o error', code: 'EIO' } },
    { value: 'done' },
  ])
})

await t.test('a disk that hangs is asked nothing more until it answers', async t => {
  const lane = new Lane('/dev/sdy')
  const hanging = Promise.withResolvers<string>()
  const late: string[] = []
  const first = lane.run('read', () => hanging.promise, {
    deadlineMs: 20,
    late: result => late.push(result),
  })
  await t.rejects(first, /did not read .* within 0.02 s/)
  const never = async () => t.fail('asked while it hangs')
  await t.rejects(lane.run('write', never), /Cannot write .* hangs since it was asked to read/)
  hanging.resolve('late')
  await delay(1)
  t.strictSame(late, ['late'], 'what came too late is put away')
  t.equal(await lane.run('read', async () => 'again'), 'again')
})

await t.test('what is open on a disk that hangs is closed when it answers', async t => {
  const lane = new Lane('/dev/sdy')
  const hanging = Promise.withResolvers<void>()
  await t.rejects(lane.run('read', () => hanging.promise, { deadlineMs: 20 }))
  const handle = await open(import.meta.filename)
  await lane.close(handle)
  t.not(handle.fd, -1)
  hanging.resolve()
  await delay(100)
  t.equal(handle.fd, -1)
})
