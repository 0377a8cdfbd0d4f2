import t from 'tap'
import { told, World } from './world.ts'

await t.test('without the store no host makes its folder for logs, and says why', async t => {
  const world = new World(1, 2, 1000)
  await world.time.run(async () => {
    const [host, other] = world.engines
    if (!host || !other) throw new Error('There are two hosts')
    for (const { machine } of world.engines) machine.start()
    await world.until(() => world.engines.every(({ machine }) => machine.cluster), 10_000)
    const hangUp = new AbortController().signal
    await host.machine.order('init')
    await host.create('logs', { kind: 'log', app: 'web' })
    await other.machine.tend()
    other.machine.cut(true)
    t.match(told(await other.mount('logs', hangUp)), /no folder for its logs yet, none is made/)
    other.machine.cut(false)
    await world.sleep(60_000)
    t.match(told(await other.mount('logs', hangUp)), /Mountpoint/)
  })
  t.strictSame(world.faults, [])
})
