import {
  addressesInside,
  addressesOf,
  createNetwork,
  refusal,
  removeContainers,
  removeNetwork,
  runContainer,
} from './lab/actions.ts'
import { Plugin, publish } from './lab/plugin.ts'
import { startRegistry } from './lab/registry.ts'
import { assertSameView } from './lab/same-view.ts'
import { onOldestAndNewest, oneEngine, type Test } from './lab/world.ts'

const POOL = '--subnet 10.77.0.0/24 --gateway 10.77.0.1'
/** The engine tries for 15 s to reach a plugin that is not there. */
const PATIENT = { deadline: 120_000 }

await onOldestAndNewest(async (t, suite) => {
  const engine = await oneEngine(t, suite)
  const plugin = await Plugin.install(engine)
  const next = `${await startRegistry(engine.host)}/berth-ipam:2`
  await publish(engine, next)

  await t.test('an upgrade keeps every address', t => upgrade(t, plugin, next))
  await t.test('a release sent while the plugin is disabled leaks its address, and that alone', t =>
    disableAndEnable(t, plugin),
  )
})

async function disableAndEnable(t: Test, plugin: Plugin): Promise<void> {
  const { engine } = plugin
  await createNetwork(engine, 'disabled', POOL)
  await runContainer(engine, 'disabled', 'stays')
  await runContainer(engine, 'disabled', 'stops', '--ip 10.77.0.99')
  await plugin.disable()
  const [refused] = await Promise.all([
    refusal(runContainer(engine, 'disabled', 'late')),
    engine.docker(['stop', 'stops'], PATIENT),
  ])
  t.match(refused, 'berth-ipam', 'a run meanwhile is refused, with the name of the plugin')
  await plugin.enable()

  const leaked = ['default 10.77.0.99']
  await assertSameView(t, engine, 'disable, stop and enable', { leaked })
  await engine.docker(['restart', 'stays'])
  await runContainer(engine, 'disabled', 'new')
  await assertSameView(t, engine, 'what works again', { leaked })
  t.match(await refusal(runContainer(engine, 'disabled', 'same', '--ip 10.77.0.99')), '10.77.0.99')
  await removeContainers(engine, ['stays', 'stops', 'late', 'new', 'same'])
  await removeNetwork(engine, 'disabled')
  await assertSameView(t, engine, 'removal', {
    leaked,
    kept: ['default 10.77.0.1'],
    leaving: ['default~10.77.0.0/24~-'],
  })
}

async function upgrade(t: Test, plugin: Plugin, reference: string): Promise<void> {
  const { engine } = plugin
  await createNetwork(engine, 'upgraded', POOL)
  await runContainer(engine, 'upgraded', 'before')
  const held = await addressesOf(engine, 'before', 'upgraded')
  await plugin.disable()
  await plugin.upgrade(reference)
  await plugin.enable()
  t.equal(await plugin.reference(), reference, 'the new one is installed')
  t.strictSame(await addressesInside(engine, 'before'), held, 'the container kept its address')
  await assertSameView(t, engine, 'upgrade')
  await runContainer(engine, 'upgraded', 'after')
  await assertSameView(t, engine, 'a run on the new one')
  await removeContainers(engine, ['before', 'after'])
  await removeNetwork(engine, 'upgraded')
  await assertSameView(t, engine, 'removal')
}
