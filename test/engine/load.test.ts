import { setTimeout as delay } from 'node:timers/promises'
import {
  addressesInside,
  addressesOf,
  createNetwork,
  removeContainers,
  runContainer,
} from './lab/actions.ts'
import type { Engine } from './lab/engine.ts'
import { Plugin } from './lab/plugin.ts'
import { CommandFailed } from './lab/run.ts'
import { assertSameView, leakedAddresses } from './lab/same-view.ts'
import { onOldestAndNewest, oneEngine, type Test } from './lab/world.ts'

/** How often each container is run and removed. */
const ROUNDS = process.env['BERTH_SOAK'] ? 40 : 3

const NAMES = Array.from({ length: 20 }, (_, index) => `load${index}`)

await onOldestAndNewest(async (t, suite) => {
  const engine = await oneEngine(t, suite)
  const plugin = await Plugin.install(engine)
  await t.test('20 runs succeed or fail whole while the plugin is killed again and again', t =>
    killUnderLoad(t, plugin),
  )
})

async function killUnderLoad(t: Test, plugin: Plugin): Promise<void> {
  const { engine } = plugin
  await createNetwork(engine, 'load', '--subnet 10.77.0.0/24 --gateway 10.77.0.1')
  const failures: string[] = []
  const load = Promise.all(NAMES.map(name => comeAndGo(engine, name, failures)))
  const kills = await killUntil(plugin, load)
  const runs = NAMES.length * (ROUNDS + 1)
  t.comment(`${kills} kills, ${failures.length} of ${runs} runs failed`, new Set(failures))
  t.ok(kills > 2, 'the plugin was killed several times')
  await assertWhole(t, engine)
  await assertLeaksExplained(t, engine, failures.length)
  await removeContainers(engine, NAMES)
  await assertLeaksExplained(t, engine, failures.length)
  t.ok(await plugin.isEnabled(), 'the plugin survived it all')
}

/** In the end the container runs, or is one of the failures. */
async function comeAndGo(engine: Engine, name: string, failures: string[]): Promise<void> {
  for (let round = 0; round <= ROUNDS; round++) {
    if (round > 0) await removeContainers(engine, [name])
    const failure = await failureOf(runContainer(engine, 'load', name))
    if (failure !== undefined) failures.push(failure)
  }
}

/** A second death right after a start would make the engine give the plugin up. */
async function killUntil(plugin: Plugin, work: Promise<unknown>): Promise<number> {
  const ended = work.then(() => 'ended')
  let kills = 0
  while ((await Promise.race([ended, delay(1000 + 500 * Math.random())])) !== 'ended') {
    await plugin.kill()
    kills++
  }
  return kills
}

async function failureOf(command: Promise<unknown>): Promise<string | undefined> {
  try {
    await command
  } catch (error) {
    if (error instanceof CommandFailed) return error.stderr
    throw error
  }
  return undefined
}

/** What runs has one address, its own, and the same inside as the engine says. */
async function assertWhole(t: Test, engine: Engine): Promise<void> {
  const running = (await engine.docker(['ps', '--format', '{{.Names}}'])).split('\n')
  const found: string[] = []
  for (const name of running) {
    const inside = await addressesInside(engine, name)
    t.strictSame(inside, await addressesOf(engine, name, 'load'), `${name} has what it was given`)
    found.push(...inside)
  }
  t.equal(new Set(found).size, running.length, 'no address twice')
}

/**
 * The engine repeats a call that was cut off with an empty body, so its answer or its release is lost. Each lost
 * release is in the engine's log with its address; each lost answer is a run that failed.
 */
async function assertLeaksExplained(t: Test, engine: Engine, failures: number): Promise<void> {
  const leaked = await leakedAddresses(engine)
  const log = engine.log()
  const unreleased = leaked.filter(each =>
    log.includes(`release ip address ${each.split(' ')[1]} `),
  )
  const unanswered = leaked.length - unreleased.length
  t.comment(`leaked: ${leaked.join(', ') || 'nothing'}; unreleased: ${unreleased.length}`)
  t.ok(unanswered <= failures, 'each leak is a lost release or a failed run')
  await assertSameView(t, engine, 'kills under load', { leaked })
}
