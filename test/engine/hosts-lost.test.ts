import {
  addressesInside,
  addressesOf,
  refusal,
  removeContainers,
  runContainer,
  runToItsEnd,
} from './lab/actions.ts'
import { berthAddresses, berthSelf, evict } from './lab/berth.ts'
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
import { CommandFailed } from './lab/run.ts'
import { until } from './lab/until.ts'
import type { Test } from './lab/world.ts'

/** Thirteen addresses besides the gateway. */
const SMALL = '--subnet 10.77.0.0/28 --gateway 10.77.0.1 --ipam-opt berth.cooldown=2s'
const THEIRS = ['plain0', 'plain1', 'plain2', 'always0', 'always1']
const OTHERS = ['fill0', 'fill1', 'fill2', 'fill3']

await onThreeHosts(async (t, fleet) => {
  await t.test('kill -9 of two engines leaves nothing behind', t => killed(t, fleet))
  await t.test('the addresses of a host that lost its power are used again', t => dead(t, fleet))
  await t.test('a host that was evicted while it ran keeps what it can', t => undead(t, fleet))
})

async function killed(t: Test, fleet: Fleet): Promise<void> {
  const { nodes } = fleet
  removeAllAfter(t, nodes)
  const [one, ...others] = threeOf(fleet)
  await createEverywhere(nodes, 'lan', SMALL)
  for (const { engine } of nodes) {
    await runContainer(engine, 'lan', 'plain')
    await runContainer(engine, 'lan', 'always', '--restart always')
  }
  const before = await addressesOf(one.engine, 'always', 'lan')
  await Promise.all(others.map(({ engine }) => engine.restart('SIGKILL')))
  for (const node of others) await untilRunning(node, 'always')
  await assertSameFleetView(t, nodes, 'kill -9 of two engines')
  t.strictSame(await addressesInside(one.engine, 'always'), before, 'the other keeps what it has')
  await Promise.all(nodes.map(({ engine }) => removeContainers(engine, ['plain', 'always'])))
  await removeEverywhere(nodes, 'lan')
  await assertNothingLeft(t, nodes)
}

/** The pool is full; then a host loses its power, is evicted, and comes back. */
async function dead(t: Test, fleet: Fleet): Promise<void> {
  const { nodes, etcd } = fleet
  removeAllAfter(t, nodes)
  const [one, two, three] = threeOf(fleet)
  await createEverywhere(nodes, 'lan', SMALL)
  const theirs = await fill(fleet)
  await three.engine.powerCut()
  await etcd.untilServed([one.host, two.host])
  await evict(one.engine, three.host.name)
  await assertSameFleetView(t, [one, two], 'an eviction')

  const again = ['again0', 'again1', 'again2']
  for (const name of again) await runContainer(two.engine, 'lan', name)
  const taken = await allAddresses(two, again)
  t.ok(
    taken.every(each => theirs.includes(each)),
    `${taken.join(', ')} are used again`,
  )
  await assertSameFleetView(t, [one, two], 'runs with the addresses of the lost host')

  await three.host.boot()
  await etcd.startOn([three.host])
  await three.engine.start()
  // Five were its own, three of them are taken; two of its containers start again.
  for (const name of ['always0', 'always1']) await untilRunning(three, name)
  await assertSameFleetView(t, nodes, 'the return of the lost host')
  t.strictSame(await allAddresses(two, again), taken, 'who took them keeps them')
  await removeFill(fleet)
  await removeContainers(two.engine, again)
  await removeEverywhere(nodes, 'lan')
  await assertNothingLeft(t, nodes)
}

/** An operator's mistake: the evicted host and its containers live. */
async function undead(t: Test, fleet: Fleet): Promise<void> {
  const { nodes, etcd } = fleet
  removeAllAfter(t, nodes)
  const [one, two, three] = threeOf(fleet)
  await createEverywhere(nodes, 'lan', SMALL)
  await fill(fleet)
  await etcd.cutOff(three.host)
  await etcd.untilServed([one.host, two.host])
  await evict(one.engine, three.host.name)
  const again = ['again0', 'again1', 'again2']
  for (const name of again) await runContainer(two.engine, 'lan', name)
  const taken = await allAddresses(two, again)

  await etcd.reconnect(three.host)
  await etcd.untilServed([three.host])
  await one.engine.docker(['stop', 'fill0'])
  // A claim finds out, and is refused, as are those that come before all is claimed again.
  await until('the host to give addresses again', 30_000, () => runs(three))
  await runContainer(three.engine, 'lan', 'new')
  const lost = (await berthSelf(three.engine)).lost.map(({ address }) => address)
  t.strictSame(lost.toSorted(), taken.toSorted(), 'it knows what it lost')
  const told = three.engine
    .log()
    .split('\n')
    .filter(line => /lost/i.test(line))
  for (const address of taken) {
    const isTold = told.some(line => line.includes(address) && line.includes(two.host.name))
    t.ok(isTold, `its log says who has ${address}`)
  }
  const kept = (await allAddresses(three, THEIRS)).filter(each => !taken.includes(each))
  t.equal(kept.length, 2, 'it kept the others')
  const used = [...kept, ...(await allAddresses(three, ['new']))]
  t.strictSame(await usedBy(one, three), used.toSorted(), 'and has claimed them again')

  await removeFill(fleet)
  await removeContainers(three.engine, ['new'])
  t.strictSame(
    await usedBy(one, two),
    (await allAddresses(two, again)).toSorted(),
    'removal frees its own alone',
  )
  await assertSameFleetView(t, nodes, 'removal')
  await removeContainers(two.engine, again)
  await removeEverywhere(nodes, 'lan')
  await assertNothingLeft(t, nodes)
}

/** Uses up the pool: five addresses on the third host, which are returned, and four on each of the others. */
async function fill(fleet: Fleet): Promise<readonly string[]> {
  const [one, two, three] = threeOf(fleet)
  for (const name of THEIRS) {
    const restart = name.startsWith('always') ? '--restart always' : ''
    await runContainer(three.engine, 'lan', name, restart)
  }
  for (const { engine } of [one, two]) {
    for (const name of OTHERS) await runContainer(engine, 'lan', name)
  }
  await refusal(runToItsEnd(one.engine, 'lan'))
  return allAddresses(three, THEIRS)
}

async function removeFill(fleet: Fleet): Promise<void> {
  const [one, two, three] = threeOf(fleet)
  await Promise.all([
    removeContainers(one.engine, OTHERS),
    removeContainers(two.engine, OTHERS),
    removeContainers(three.engine, THEIRS),
  ])
}

async function allAddresses(
  { engine }: Node,
  names: readonly string[],
): Promise<readonly string[]> {
  return (await Promise.all(names.map(name => addressesOf(engine, name, 'lan')))).flat()
}

/** What a host uses, as another one tells it. */
async function usedBy(teller: Node, { host }: Node): Promise<readonly string[]> {
  return (await berthAddresses(teller.engine))
    .filter(each => each.state === 'used' && each.hostName === host.name)
    .map(({ address }) => address)
    .toSorted()
}

async function runs({ engine }: Node): Promise<boolean> {
  try {
    await runToItsEnd(engine, 'lan')
    return true
  } catch (error) {
    if (error instanceof CommandFailed) return false
    throw error
  }
}

async function untilRunning({ engine }: Node, name: string): Promise<void> {
  const running = ['inspect', '-f', '{{.State.Running}}', name]
  await until(`${name} to run`, 30_000, async () => (await engine.docker(running)) === 'true')
}
