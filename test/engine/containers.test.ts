import {
  addressesInside,
  addressesOf,
  createNetwork,
  ping,
  refusal,
  removeContainers,
  removeNetwork,
  runContainer,
} from './lab/actions.ts'
import type { Engine } from './lab/engine.ts'
import { IMAGE } from './lab/image.ts'
import { Plugin } from './lab/plugin.ts'
import { assertSameView } from './lab/same-view.ts'
import { onOldestAndNewest, oneEngine, type Test } from './lab/world.ts'

const DUAL = '--ipv6 --subnet 10.77.0.0/24 --gateway 10.77.0.1 --subnet fd77::/64 --gateway fd77::1'

await onOldestAndNewest(async (t, suite) => {
  const engine = await oneEngine(t, suite)
  await Plugin.install(engine)
  await createNetwork(engine, 'lan', DUAL)

  await t.test('containers have the addresses that Berth gave, and reach each other', t =>
    reachEachOther(t, engine),
  )
  await t.test('stop, start, restart, pause and kill keep the views equal', t => life(t, engine))
  await t.test('a released address rests while others are free', t => rest(t, engine))
  await t.test('an address of choice is given once', t => ofChoice(t, engine))
  await t.test('a running container joins and leaves', t => joinAndLeave(t, engine))
  await t.test('what fails to start keeps no address', t => failingStart(t, engine))

  await removeNetwork(engine, 'lan')
  await assertSameView(t, engine, 'the network is removed')
  await t.test('an engine that gives up on IPv6 leaks the IPv4 address, and that alone', t =>
    halfDualStack(t, engine),
  )
})

async function reachEachOther(t: Test, engine: Engine): Promise<void> {
  await runContainer(engine, 'lan', 'one')
  await runContainer(engine, 'lan', 'two')
  await assertSameView(t, engine, 'two runs')
  for (const name of ['one', 'two']) {
    const inside = await addressesInside(engine, name)
    t.strictSame(inside, await addressesOf(engine, name, 'lan'), `${name} has what it was given`)
    t.equal(inside.length, 2, 'one of each family')
  }
  for (const address of await addressesOf(engine, 'two', 'lan')) {
    t.match(await ping(engine, 'one', address), / 0% packet loss/, `one reaches ${address}`)
  }
}

async function life(t: Test, engine: Engine): Promise<void> {
  for (const verb of ['stop', 'start', 'restart', 'pause', 'unpause', 'kill', 'start']) {
    await engine.docker([verb, 'one'])
    await assertSameView(t, engine, verb)
  }
  // Detached, as it ends with the container.
  await engine.docker(['exec', '-d', 'two', '/busybox', 'kill', '1'])
  await assertSameView(t, engine, 'an exit')
  await removeContainers(engine, ['one', 'two'])
  await assertSameView(t, engine, 'rm -f')
}

async function rest(t: Test, engine: Engine): Promise<void> {
  await runContainer(engine, 'lan', 'first')
  const [before] = await addressesOf(engine, 'first', 'lan')
  await removeContainers(engine, ['first'])
  await runContainer(engine, 'lan', 'second')
  const [after] = await addressesOf(engine, 'second', 'lan')
  t.ok(before && after, 'both had an address')
  t.not(after, before, 'and not the same')
  await removeContainers(engine, ['second'])
}

async function ofChoice(t: Test, engine: Engine): Promise<void> {
  await runContainer(engine, 'lan', 'chosen', '--ip 10.77.0.200 --ip6 fd77::200')
  t.strictSame(await addressesOf(engine, 'chosen', 'lan'), ['10.77.0.200', 'fd77::200'])
  await assertSameView(t, engine, 'run --ip')
  t.match(await refusal(runContainer(engine, 'lan', 'late', '--ip 10.77.0.200')), /10\.77\.0\.200/)
  t.match(await refusal(runContainer(engine, 'lan', 'bold', '--ip 10.77.0.1')), /10\.77\.0\.1/)
  await assertSameView(t, engine, 'two refused runs')
  await engine.docker(['restart', 'chosen'])
  t.strictSame(await addressesOf(engine, 'chosen', 'lan'), ['10.77.0.200', 'fd77::200'])
  await assertSameView(t, engine, 'restart of a container with --ip')
  await removeContainers(engine, ['chosen', 'late', 'bold'])
  await assertSameView(t, engine, 'rm -f')
}

async function joinAndLeave(t: Test, engine: Engine): Promise<void> {
  await runContainer(engine, 'bridge', 'guest')
  await engine.docker(['network', 'connect', '--ip', '10.77.0.201', 'lan', 'guest'])
  t.match(await addressesOf(engine, 'guest', 'lan'), ['10.77.0.201'])
  await assertSameView(t, engine, 'network connect --ip')
  await engine.docker(['network', 'disconnect', 'lan', 'guest'])
  await assertSameView(t, engine, 'network disconnect')
  await engine.docker(['network', 'connect', 'lan', 'guest'])
  await assertSameView(t, engine, 'network connect')
  await engine.docker(['network', 'disconnect', '-f', 'lan', 'guest'])
  await assertSameView(t, engine, 'network disconnect -f')
  await removeContainers(engine, ['guest'])
}

async function failingStart(t: Test, engine: Engine): Promise<void> {
  const command = ['run', '-d', '--network', 'lan', '--name', 'broken', IMAGE, '/no/such/program']
  await refusal(engine.docker(command))
  await assertSameView(t, engine, 'a start that failed')
  await removeContainers(engine, ['broken'])
  await engine.docker(['run', '--rm', '--network', 'lan', IMAGE, '/busybox', 'true'])
  await assertSameView(t, engine, 'a run to its end')
}

/** The engine asks for IPv4 first, and when the second answer is a refusal it does not release the first. */
async function halfDualStack(t: Test, engine: Engine): Promise<void> {
  const small = '--ipv6 --subnet 10.77.0.0/24 --gateway 10.77.0.1 --subnet fd77::/127'
  await createNetwork(engine, 'small', `${small} --gateway fd77::`)
  await runContainer(engine, 'small', 'one')
  await refusal(runContainer(engine, 'small', 'two', '--ip 10.77.0.77'))
  await assertSameView(t, engine, 'a refused IPv6 address', {
    leaked: ['default 10.77.0.77'],
  })
  await removeContainers(engine, ['one', 'two'])
}
