import {
  addressesOf,
  createNetwork,
  ping,
  refusal,
  removeContainers,
  removeNetwork,
  runContainer,
  runToItsEnd,
} from './lab/actions.ts'
import { berthPools, berthSelf } from './lab/berth.ts'
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
import { until } from './lab/until.ts'
import type { Test } from './lab/world.ts'

const POOL = '--subnet 10.77.0.0/24 --gateway 10.77.0.1'
/** A name of an endpoint, as a refusal must have it. */
const ENDPOINT = /192\.0\.2\.\d:2379/
/** Berth answers within two seconds; a busy machine adds to it. The engine itself waits 15 seconds for a plugin in need. */
const AT_ONCE = 10_000
/** An engine asks and releases for each of its containers when it starts, and has work of its own. */
const STARTS_WITHIN = 40_000
const ALWAYS = ['always0', 'always1', 'always2', 'always3', 'always4']

await onThreeHosts(async (t, fleet) => {
  await t.test('a host that is cut off from etcd keeps what it has', t => cutOff(t, fleet))
  await t.test('a host without its cable keeps what it has', t => withoutCable(t, fleet))
  await t.test('hosts that start while etcd is away wait for it', t => startWithout(t, fleet))
})

async function cutOff(t: Test, fleet: Fleet): Promise<void> {
  const { nodes, etcd } = fleet
  // The newest engine allows a second network on the same pool.
  const [one, two] = threeOf(fleet)
  removeAllAfter(t, nodes)
  await createEverywhere(nodes, 'lan', POOL)
  const { engine, plugin } = two
  await runContainer(one.engine, 'lan', 'other')
  for (const name of ['stays', 'first', 'second', 'third']) await runContainer(engine, 'lan', name)
  await etcd.cutOff(two.host)

  await t.test('containers run on, and are reached', () => reachEachOther(one, two))
  await t.test('what needs no etcd works at once', t => worksAlone(t, two, 'first'))
  await atOnce(t, 'the start after a kill', () => plugin.kill())
  await t.test('also after the plugin was killed', t => worksAlone(t, two, 'second'))
  await atOnce(t, 'plugin disable', () => plugin.disable())
  await atOnce(t, 'plugin enable', () => plugin.enable())
  await t.test('also after it was disabled and enabled', t => worksAlone(t, two, 'third'))
  t.ok((await berthSelf(engine)).queuedReleases >= 3, 'three releases wait, at least')

  await etcd.reconnect(two.host)
  await untilServing(two)
  await runContainer(engine, 'lan', 'new')
  await assertSameFleetView(t, nodes, 'etcd is back')
  await removeContainers(engine, ['stays', 'first', 'second', 'third', 'new'])
  await removeContainers(one.engine, ['other'])
  await removeEverywhere(nodes, 'lan')
  await assertNothingLeft(t, nodes)
}

async function reachEachOther(one: Node, two: Node): Promise<void> {
  const [other = ''] = await addressesOf(one.engine, 'other', 'lan')
  const [stays = ''] = await addressesOf(two.engine, 'stays', 'lan')
  await ping(one.engine, 'other', stays)
  await ping(two.engine, 'stays', other)
}

/** Stops that container; and tries all that can be had, and what cannot. */
async function worksAlone(t: Test, { engine, plugin }: Node, running: string): Promise<void> {
  t.ok(await plugin.isEnabled(), 'the plugin is enabled')
  await atOnce(t, 'stop', () => engine.docker(['stop', running]))
  const said = await atOnce(t, 'a refused run', () => refusal(runToItsEnd(engine, 'lan')))
  t.match(said, ENDPOINT, 'the refusal names the endpoints')
  await atOnce(t, 'network create, of a pool that it has', () =>
    createNetwork(engine, 'again', POOL),
  )
  await atOnce(t, 'network rm', () => removeNetwork(engine, 'again'))
  const refused = await atOnce(t, 'network create, of another pool', () =>
    refusal(createNetwork(engine, 'strange', '--subnet 10.78.0.0/24')),
  )
  t.match(refused, ENDPOINT, 'the refusal names the endpoints')
}

async function withoutCable(t: Test, fleet: Fleet): Promise<void> {
  const { nodes, lan } = fleet
  const [one, , three] = threeOf(fleet)
  removeAllAfter(t, nodes)
  await createEverywhere(nodes, 'lan', POOL)
  await runContainer(one.engine, 'lan', 'other')
  for (const name of ['stays', 'first']) await runContainer(three.engine, 'lan', name)
  await lan.setCable(three.host.number, 'down')
  await atOnce(t, 'stop', () => three.engine.docker(['stop', 'first']))
  await lan.setCable(three.host.number, 'up')
  await untilServing(three)
  await assertSameFleetView(t, nodes, 'the cable is back')
  const [stays = ''] = await addressesOf(three.engine, 'stays', 'lan')
  await ping(one.engine, 'other', stays)
  await removeContainers(three.engine, ['stays', 'first'])
  await removeContainers(one.engine, ['other'])
  await removeEverywhere(nodes, 'lan')
  await assertNothingLeft(t, nodes)
}

async function startWithout(t: Test, fleet: Fleet): Promise<void> {
  const { nodes, etcd } = fleet
  const [one, ...cut] = threeOf(fleet)
  removeAllAfter(t, nodes)
  await createEverywhere(nodes, 'lan', POOL)
  await runContainer(one.engine, 'lan', 'other')
  for (const { engine } of cut) {
    for (const name of ALWAYS) await runContainer(engine, 'lan', name, '--restart always')
  }
  await etcd.stopOn(nodes.map(({ host }) => host))
  for (const node of cut) {
    const { engine, host } = node
    await engine.powerCut()
    await host.boot()
    const before = engine.logSize
    await inTime(t, `the start of ${host.name}'s engine`, () => engine.start(), STARTS_WITHIN)
    await t.test(`${host.name} says why nothing starts`, t => saysWhy(t, node, before))
  }
  await etcd.startOn(nodes.map(({ host }) => host))
  for (const node of cut) {
    await untilServing(node)
    await node.engine.docker(['start', ...ALWAYS])
  }
  await assertSameFleetView(t, nodes, 'etcd is back')
  await Promise.all(cut.map(({ engine }) => removeContainers(engine, ALWAYS)))
  await removeContainers(one.engine, ['other'])
  await removeEverywhere(nodes, 'lan')
  await assertNothingLeft(t, nodes)
}

async function saysWhy(t: Test, { engine, plugin }: Node, before: number): Promise<void> {
  t.ok(await plugin.isEnabled(), 'the plugin is enabled')
  t.match((await berthSelf(engine)).reason, ENDPOINT, 'Berth knows why')
  for (const name of ALWAYS) {
    const error = await engine.docker(['inspect', '-f', '{{.State.Error}}', name])
    t.match(error, ENDPOINT, `${name} says why`)
  }
  const log = engine.log(before)
  const answers = [...log.matchAll(/IpamDriver\.(\w+)\\".*?\\"ms\\":([\d.]+)/g)]
  const ms = answers.reduce((sum, [, , each]) => sum + Number(each), 0)
  const asked = answers.filter(([, method]) => method === 'RequestAddress')
  t.equal(asked.length, ALWAYS.length, 'each has asked')
  t.ok(ms < 4000, `all answers to the engine, one after the other, took ${Math.round(ms)} ms`)
  // It doubles the time each time, and gives up after 15 s (moby, pkg/plugins/client.go).
  const retries = [...log.matchAll(/Unable to connect to plugin.*?retrying in (\d+)s/g)]
  const seconds = retries.reduce((sum, [, each]) => sum + Number(each), 0)
  t.ok(seconds < 8, `the engine waited ${seconds} s until it reached the plugin`)
}

async function untilServing({ engine }: Node): Promise<void> {
  await until('the queued releases to be delivered', 30_000, async () => {
    const { state, queuedReleases } = await berthSelf(engine)
    // It serves until it finds out: only an answer shows that etcd is back.
    const answers = await berthPools(engine).then(
      () => true,
      () => false,
    )
    return answers && state === 'serving' && queuedReleases === 0
  })
}

async function atOnce<T>(t: Test, what: string, work: () => Promise<T>): Promise<T> {
  return await inTime(t, what, work, AT_ONCE)
}

async function inTime<T>(t: Test, what: string, work: () => Promise<T>, limit: number): Promise<T> {
  const started = performance.now()
  const result = await work()
  const ms = Math.round(performance.now() - started)
  t.ok(ms < limit, `${what} takes ${ms} ms`)
  return result
}
