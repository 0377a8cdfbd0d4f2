import {
  addressesInside,
  addressesOf,
  createNetwork,
  defaultRouteOf,
  pingAll,
  refusal,
  removeContainers,
  removeNetwork,
  runContainer,
} from './lab/actions.ts'
import { berthPools } from './lab/berth.ts'
import { assertNothingLeft, assertSameFleetView } from './lab/fleet-view.ts'
import {
  createEverywhere,
  onThreeHosts,
  removeAllAfter,
  removeEverywhere,
  threeOf,
  type Fleet,
  type Node,
} from './lab/fleet.ts'
import type { Test } from './lab/world.ts'

const V4 = '--subnet 10.77.0.0/24'
const EACH = Array.from({ length: 15 }, (_, index) => `c${index}`)

await onThreeHosts(async (t, fleet) => {
  await t.test('the same network is created on three hosts at once', t => atOnce(t, fleet))
  await t.test('a gateway that nobody named is the same on all hosts', t => elected(t, fleet))
  await t.test('a gateway that differs is refused', t => otherGateway(t, fleet))
  await t.test('each host takes from its own range', t => ranges(t, fleet))
  await t.test('a subnet that overlaps is refused', t => overlap(t, fleet))
  await t.test('a host that leaves takes nothing from the others', t => leaving(t, fleet))
  await t.test('45 containers that start at once have 45 addresses, and reach each other', t =>
    many(t, fleet),
  )
})

async function atOnce(t: Test, { nodes }: Fleet): Promise<void> {
  removeAllAfter(t, nodes)
  await createEverywhere(nodes, 'lan', `${V4} --gateway 10.77.0.1 --aux-address nas=10.77.0.2`)
  await assertSameFleetView(t, nodes, 'three creations')
  await removeEverywhere(nodes, 'lan')
  await assertNothingLeft(t, nodes)
}

async function elected(t: Test, { nodes }: Fleet): Promise<void> {
  removeAllAfter(t, nodes)
  await createEverywhere(nodes, 'lan', V4)
  await Promise.all(nodes.map(({ engine }) => runContainer(engine, 'lan', 'one')))
  await assertSameFleetView(t, nodes, 'a container on each host')
  const routes = await Promise.all(nodes.map(({ engine }) => defaultRouteOf(engine, 'one')))
  t.match(routes[0], /^10\.77\.0\.\d+$/, 'there is a gateway')
  t.equal(new Set(routes).size, 1, 'the same in all containers')
  for (const { engine } of nodes) {
    t.match(await berthPools(engine), [{ gateway: routes[0] }], 'and in Berth')
  }
  await Promise.all(nodes.map(({ engine }) => removeContainers(engine, ['one'])))
  await removeEverywhere(nodes, 'lan')
  await assertNothingLeft(t, nodes)
}

async function otherGateway(t: Test, fleet: Fleet): Promise<void> {
  const { nodes } = fleet
  removeAllAfter(t, nodes)
  const [one, two] = threeOf(fleet)
  await createNetwork(one.engine, 'lan', `${V4} --gateway 10.77.0.1`)
  const said = await refusal(createNetwork(two.engine, 'lan', `${V4} --gateway 10.77.0.254`))
  for (const word of [/\b10\.77\.0\.1\b/, '10.77.0.254', one.host.name]) t.match(said, word)
  await assertSameFleetView(t, nodes, 'a refused gateway')
  await createNetwork(two.engine, 'lan', `${V4} --gateway 10.77.0.1`)
  await assertSameFleetView(t, nodes, 'the right gateway')
  for (const { engine } of [one, two]) await removeNetwork(engine, 'lan')
  await assertNothingLeft(t, nodes)
}

async function ranges(t: Test, { nodes }: Fleet): Promise<void> {
  removeAllAfter(t, nodes)
  const first = (index: number): number => 64 * (index + 1)
  await Promise.all(
    nodes.map(async ({ engine }, index) => {
      const range = `--ip-range 10.77.0.${first(index)}/26`
      await createNetwork(engine, 'lan', `${V4} --gateway 10.77.0.1 ${range}`)
      await runContainer(engine, 'lan', 'one')
      await runContainer(engine, 'lan', 'chosen', `--ip 10.77.0.${10 + index}`)
    }),
  )
  for (const [index, { engine, host }] of nodes.entries()) {
    const [address = ''] = await addressesOf(engine, 'one', 'lan')
    const last = Number(address.split('.').at(-1))
    t.ok(
      last >= first(index) && last < first(index + 1),
      `${host.name} is in its range: ${address}`,
    )
  }
  await assertSameFleetView(t, nodes, 'containers in three ranges')
  await Promise.all(nodes.map(({ engine }) => removeContainers(engine, ['one', 'chosen'])))
  await removeEverywhere(nodes, 'lan')
  await assertNothingLeft(t, nodes)
}

async function overlap(t: Test, fleet: Fleet): Promise<void> {
  const { nodes } = fleet
  removeAllAfter(t, nodes)
  const [one, two] = threeOf(fleet)
  await createNetwork(one.engine, 'lan', V4)
  const wide = '--subnet 10.77.0.0/16'
  t.match(await refusal(createNetwork(two.engine, 'wide', wide)), '10.77.0.0/24')
  await assertSameFleetView(t, nodes, 'a refused subnet')
  await createNetwork(two.engine, 'wide', `${wide} --ipam-opt berth.segment=other`)
  await assertSameFleetView(t, nodes, 'the same subnet on another segment')
  await removeNetwork(one.engine, 'lan')
  await removeNetwork(two.engine, 'wide')
  await assertNothingLeft(t, nodes)
}

async function leaving(t: Test, fleet: Fleet): Promise<void> {
  const { nodes } = fleet
  removeAllAfter(t, nodes)
  const [one, ...others] = threeOf(fleet)
  await createEverywhere(nodes, 'lan', `${V4} --gateway 10.77.0.1`)
  await Promise.all(nodes.map(({ engine }) => runContainer(engine, 'lan', 'stays')))
  await removeContainers(one.engine, ['stays'])
  await removeNetwork(one.engine, 'lan')
  await assertSameFleetView(t, nodes, 'one host left')
  for (const { engine } of others) {
    await runContainer(engine, 'lan', 'new')
    t.match(await refusal(runContainer(engine, 'lan', 'bold', '--ip 10.77.0.1')), /10\.77\.0\.1/)
  }
  await createNetwork(one.engine, 'lan', `${V4} --gateway 10.77.0.1`)
  await runContainer(one.engine, 'lan', 'stays')
  await assertSameFleetView(t, nodes, 'it came back')
  await removeContainers(one.engine, ['stays'])
  await Promise.all(others.map(({ engine }) => removeContainers(engine, ['stays', 'new', 'bold'])))
  await removeEverywhere(nodes, 'lan')
  await assertNothingLeft(t, nodes)
}

async function many(t: Test, { nodes }: Fleet): Promise<void> {
  removeAllAfter(t, nodes)
  await createEverywhere(nodes, 'lan', `${V4} --gateway 10.77.0.1`)
  await Promise.all(
    nodes.flatMap(({ engine }) => EACH.map(name => runContainer(engine, 'lan', name))),
  )
  await assertSameFleetView(t, nodes, '45 runs')
  const inside = await Promise.all(nodes.map(node => insideOf(node)))
  t.equal(new Set(inside.flat()).size, 3 * EACH.length, 'no address twice')
  await Promise.all(
    nodes.map(async ({ engine, host }, index) => {
      const others = inside.filter((_, each) => each !== index).flat()
      await pingAll(engine, 'c0', others)
      t.pass(`${host.name} reaches ${others.length} containers of the others`)
    }),
  )
  await Promise.all(nodes.map(({ engine }) => removeContainers(engine, EACH)))
  await removeEverywhere(nodes, 'lan')
  await assertNothingLeft(t, nodes)
}

async function insideOf({ engine }: Node): Promise<readonly string[]> {
  return (await Promise.all(EACH.map(name => addressesInside(engine, name)))).flat()
}
