import { setTimeout as sleep } from 'node:timers/promises'
import { t as file } from 'tap'
import { Hand, Hands } from '../../../../volume-plugin/cluster/hands.ts'
import { childrenOf } from '../../../engine/lab/processes.ts'
import { canHaveFiles, FilesWorld, ID } from './world.ts'

file.setTimeout(120_000)

if (canHaveFiles(file)) {
  await file.test('who waits for a turn does not lose time for the job', async t => {
    const world = await FilesWorld.open(t)
    await world.begun()
    const hands = new Hands({ root: world.root, mount: '', types: ['fuse'] })
    t.teardown(() => hands.close())
    // So many that the last of them have their turn when this time has passed.
    const jobs = Array.from({ length: 800 }, () => hands.run({ do: 'check' }, 2000))
    const answers = await Promise.all(jobs)
    t.ok(answers.every(answer => answer.ok && answer.value === ID))
  })

  await file.test('a hand that ended between two jobs says so at once', async t => {
    const world = await FilesWorld.open(t)
    await world.begun()
    const before = childrenOf(process.pid).map(({ pid }) => pid)
    const hand = new Hand({ root: world.root, mount: '', types: ['fuse'] })
    const child = childrenOf(process.pid).find(({ pid }) => !before.includes(pid))
    t.match(await hand.ask({ do: 'check' }, 20_000), { ok: true })
    if (child) process.kill(child.pid, 'SIGKILL')
    await sleep(500)
    const started = performance.now()
    await t.rejects(hand.ask({ do: 'check' }, 20_000), { message: 'ended with SIGKILL' })
    t.ok(performance.now() - started < 10_000, 'long before the deadline')
  })
}
