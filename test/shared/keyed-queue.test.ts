import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { KeyedQueue } from '../../shared/keyed-queue.ts'

await t.test('jobs of one key run one after the other, in the order they came', async t => {
  const queue = new KeyedQueue()
  const steps: string[] = []
  const job = (name: string, ms: number) => async () => {
    steps.push(`${name} begins`)
    await sleep(ms)
    steps.push(`${name} ends`)
    return name
  }
  const results = await Promise.all([
    queue.run('a', job('1', 20)),
    queue.run('a', job('2', 1)),
    queue.run('a', job('3', 5)),
  ])
  t.strictSame(results, ['1', '2', '3'])
  t.strictSame(steps, ['1 begins', '1 ends', '2 begins', '2 ends', '3 begins', '3 ends'])
})

await t.test('jobs of different keys run at once', async t => {
  const queue = new KeyedQueue()
  const gate = Promise.withResolvers<string>()
  const waiting = queue.run('a', () => gate.promise)
  t.equal(await queue.run('b', async () => 'b'), 'b')
  gate.resolve('a')
  t.equal(await waiting, 'a')
})

await t.test('a job that fails tells its caller, and the next one runs', async t => {
  const queue = new KeyedQueue()
  const [failed, next, late] = await Promise.allSettled([
    queue.run('a', () => Promise.reject(new Error('no'))),
    queue.run('a', async () => 'next'),
    queue.run('a', () => {
      throw new Error('at once')
    }),
  ])
  t.match(failed, { status: 'rejected', reason: { message: 'no' } })
  t.match(next, { status: 'fulfilled', value: 'next' })
  t.match(late, { status: 'rejected', reason: { message: 'at once' } })
  t.equal(await queue.run('a', async () => 'later'), 'later')
})

await t.test('a job that comes while another ends still waits for its turn', async t => {
  const queue = new KeyedQueue()
  let running = 0
  const job = async () => {
    running += 1
    t.equal(running, 1)
    await sleep(1)
    running -= 1
  }
  const chained = async () => {
    for (let i = 0; i < 5; i++) await queue.run('a', job)
  }
  await Promise.all([chained(), chained(), chained()])
})
