import {
  addressesInside,
  addressesOf,
  createNetwork,
  removeContainers,
  removeNetwork,
  runContainer,
} from './lab/actions.ts'
import type { Engine } from './lab/engine.ts'
import { Plugin } from './lab/plugin.ts'
import { assertSameView } from './lab/same-view.ts'
import { until } from './lab/until.ts'
import { onOldestAndNewest, oneEngine, type Test } from './lab/world.ts'

const NAMES = ['plain', 'always', 'chosen']

await onOldestAndNewest(async (t, suite) => {
  const engine = await oneEngine(t, suite)
  await Plugin.install(engine)
  await createNetwork(engine, 'lan', '--subnet 10.77.0.0/24 --gateway 10.77.0.1')

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await t.test(`${signal} of the engine ends its containers, some start again`, async t => {
      await engine.restart('SIGTERM', {})
      await runAll(engine)
      await engine.restart(signal, {})
      await assertStartedAgain(t, engine, ['always', 'chosen'])
      await assertSameView(t, engine, `${signal} and start`)
      await removeContainers(engine, NAMES)
      await assertSameView(t, engine, 'removal')
    })

    await t.test(
      `${signal} of the engine leaves its containers alone with live-restore`,
      async t => {
        const settings = { 'live-restore': true }
        await engine.restart('SIGTERM', settings)
        await runAll(engine)
        const before = await allAddresses(engine)
        await engine.restart(signal, settings)
        t.strictSame(await allAddresses(engine), before, 'all keep what they have')
        await assertSameView(t, engine, `${signal} and start`)
        await runContainer(engine, 'lan', 'late')
        await assertSameView(t, engine, 'a run afterwards')
        await removeContainers(engine, [...NAMES, 'late'])
        await assertSameView(t, engine, 'removal')
      },
    )
  }

  await t.test('after a power cut nothing is held but by what runs', async t => {
    await engine.restart('SIGTERM', {})
    await runAll(engine)
    await engine.powerCut()
    await engine.host.boot()
    await engine.start({})
    await assertStartedAgain(t, engine, ['always', 'chosen'])
    await assertSameView(t, engine, 'a power cut')
    await removeContainers(engine, NAMES)
  })

  await removeNetwork(engine, 'lan')
  await assertSameView(t, engine, 'the network is removed')
})

async function runAll(engine: Engine): Promise<void> {
  await runContainer(engine, 'lan', 'plain')
  await runContainer(engine, 'lan', 'always', '--restart always')
  await runContainer(engine, 'lan', 'chosen', '--restart always --ip 10.77.0.200')
}

async function allAddresses(engine: Engine): Promise<readonly (readonly string[])[]> {
  return Promise.all(NAMES.map(name => addressesOf(engine, name, 'lan')))
}

async function assertStartedAgain(
  t: Test,
  engine: Engine,
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    const running = ['inspect', '-f', '{{.State.Running}}', name]
    await until(`${name} to run`, 20_000, async () => (await engine.docker(running)) === 'true')
    const inside = await addressesInside(engine, name)
    t.strictSame(inside, await addressesOf(engine, name, 'lan'), `${name} has what it was given`)
  }
}
