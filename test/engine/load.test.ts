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

/** How often each container is run and removed at least: it goes on until the plugin was killed often enough. */
const ROUNDS = process.env['BERTH_SOAK'] ? 40 : 3
const KILLS = 3

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
  let kills = 0
  let isOver = false
  const isEnough = () => kills >= KILLS || isOver
  const load = Promise.all(NAMES.map(name => comeAndGo(engine, name, failures, isEnough)))
  try {
    await killUntil(plugin, load, () => kills++)
  } finally {
    isOver = true
  }
  const runs = (await load).reduce((sum, each) => sum + each, 0)
  t.comment(`${kills} kills, ${failures.length} of ${runs} runs failed`, new Set(failures))
  t.ok(kills > 2, 'the plugin was killed several times')
  await assertWhole(t, engine)
  await assertLeaksExplained(t, engine, failures.length)
  await removeContainers(engine, NAMES)
  await assertLeaksExplained(t, engine, failures.length)
  t.ok(await plugin.isEnabled(), 'the plugin survived it all')
}

/**
 * In the end the container runs, or is one of the failures.
 *
 * @returns how often it was run
 */
async function comeAndGo(
  engine: Engine,
  name: string,
  failures: string[],
  isEnough: () => boolean,
): Promise<number> {
  for (let runs = 0; ; runs++) {
    if (runs > ROUNDS && isEnough()) return runs
    if (runs > 0) await removeContainers(engine, [name])
    const failure = await failureOf(runContainer(engine, 'load', name))
    if (failure !== undefined) failures.push(failure)
  }
}

/** A second death right after a start would make the engine give the plugin up. */
async function killUntil(plugin: Plugin, end: Promise<unknown>, killed: () => void): Promise<void> {
  const ended = end.then(() => 'ended')
  while ((await Promise.race([ended, delay(1000 + 500 * Math.random())])) !== 'ended') {
    await plugin.kill()
    killed()
  }
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
