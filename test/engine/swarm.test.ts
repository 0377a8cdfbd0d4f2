import { addressesInside, pingAll } from './lab/actions.ts'
import type { Engine } from './lab/engine.ts'
import { assertNothingLeft, assertSameFleetView } from './lab/fleet-view.ts'
import { onThreeHosts, type Fleet } from './lab/fleet.ts'
import { IMAGE } from './lab/image.ts'
import { BERTH_IPAM } from './lab/plugin.ts'
import { CommandFailed } from './lab/run.ts'
import { until } from './lab/until.ts'
import type { Test } from './lab/world.ts'

const DESCRIPTION = ['--subnet=10.77.0.0/24', '--gateway=10.77.0.1', '-o=parent=eth0']
const TASKS = 9

await onThreeHosts(async (t, fleet) => {
  const engines = fleet.nodes.map(({ engine }) => engine)
  const manager = await joinAll(engines)
  for (const engine of engines) {
    const describe = ['network', 'create', '--config-only', `--ipam-driver=${BERTH_IPAM.name}`]
    await engine.docker([...describe, ...DESCRIPTION, 'described'])
  }
  const create = ['network', 'create', '-d', 'macvlan', '--scope=swarm', '--attachable']
  await manager.docker([...create, '--config-from=described', 'lan'])

  await t.test(`a service of ${TASKS} tasks has ${TASKS} addresses on three nodes`, t =>
    run(t, fleet, manager),
  )
  await t.test('tasks that are started anew have addresses of their own', t =>
    update(t, fleet, manager),
  )
  await t.test('nothing is left of a service that is gone', t => remove(t, fleet, manager))
})

/** One swarm: the first is its manager, which is returned. */
async function joinAll(engines: readonly Engine[]): Promise<Engine> {
  const [manager, ...workers] = engines
  if (!manager) throw new Error('no engine')
  await manager.docker(['swarm', 'init', `--advertise-addr=${manager.host.address}`])
  const token = await manager.docker(['swarm', 'join-token', '-q', 'worker'])
  for (const worker of workers) {
    await worker.docker(['swarm', 'join', `--token=${token}`, `${manager.host.address}:2377`])
  }
  return manager
}

async function run(t: Test, { nodes }: Fleet, manager: Engine): Promise<void> {
  const create = ['service', 'create', '-d', '--no-resolve-image', '--endpoint-mode=dnsrr']
  const tasks = ['--name=web', '--network=lan', `--replicas=${TASKS}`, '--stop-grace-period=2s']
  await manager.docker([...create, ...tasks, IMAGE])
  await untilRunning(nodes, TASKS)
  await assertSameFleetView(t, nodes, 'the start of a service')
  const inside = await Promise.all(nodes.map(({ engine }) => insideOf(engine)))
  t.equal(new Set(inside.flat()).size, TASKS, 'no address twice')
  t.ok(
    inside.every(each => each.length > 0),
    'each node has tasks',
  )
  for (const { engine } of nodes) {
    const [first = ''] = await running(engine)
    const own = await addressesInside(engine, first)
    await pingAll(
      engine,
      first,
      inside.flat().filter(each => !own.includes(each)),
    )
  }
}

async function update(t: Test, { nodes }: Fleet, manager: Engine): Promise<void> {
  const before = new Set((await Promise.all(nodes.map(({ engine }) => running(engine)))).flat())
  const all = ['--force', '--update-parallelism=0', '-d']
  await manager.docker(['service', 'update', ...all, 'web'])
  await until('other tasks', 60_000, async () => {
    const now = (await Promise.all(nodes.map(({ engine }) => running(engine)))).flat()
    return now.length === TASKS && now.every(each => !before.has(each))
  })
  await assertSameFleetView(t, nodes, 'a forced update')
}

async function remove(t: Test, { nodes }: Fleet, manager: Engine): Promise<void> {
  await manager.docker(['service', 'scale', '-d', 'web=0'])
  await untilRunning(nodes, 0)
  await assertSameFleetView(t, nodes, 'a scale to none')
  await manager.docker(['service', 'rm', 'web'])
  await manager.docker(['network', 'rm', 'lan'])
  for (const { engine } of nodes) await untilRemoved(engine, 'described')
  await assertNothingLeft(t, nodes)
}

async function untilRunning(nodes: Fleet['nodes'], wanted: number): Promise<void> {
  await until(`${wanted} tasks`, 60_000, async () => {
    const all = await Promise.all(nodes.map(({ engine }) => running(engine)))
    return all.flat().length === wanted
  })
}

async function running(engine: Engine): Promise<readonly string[]> {
  const names = await engine.docker(['ps', '--format', '{{.Names}}'])
  return names === '' ? [] : names.split('\n')
}

async function insideOf(engine: Engine): Promise<readonly string[]> {
  const names = await running(engine)
  return (await Promise.all(names.map(name => addressesInside(engine, name)))).flat()
}

/** A node gives up its copy of the swarm's network some time after its last task. */
async function untilRemoved(engine: Engine, network: string): Promise<void> {
  await until(`the end of ${network}`, 30_000, async () => {
    try {
      await engine.docker(['network', 'rm', network])
      return true
    } catch (error) {
      if (error instanceof CommandFailed && error.stderr.includes('in use')) return false
      throw error
    }
  })
}
