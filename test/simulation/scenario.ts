import t from 'tap'
import type { Test } from 'tap'
import type { Engine, Held, NetworkOrder } from './engine.ts'
import type { Outcome } from './host.ts'
import type { Snapshot } from './memory-store.ts'
import { faultsWhenQuiet } from './quiet.ts'
import { World } from './world.ts'

const BEAT_EVERY_MS = 3000

export const NETWORK = { subnet: '10.0.0.0/28', gateway: '10.0.0.1' }
export const POOL = 'default~10.0.0.0/28~-'

/**
 * A story of some hosts, in no time at all. In the end all hosts must serve, no promise be broken, and nothing be left
 * over.
 */
export async function scenario(
  name: string,
  hosts: number,
  story: (world: World, t: Test) => Promise<void>,
  beatEveryMs = BEAT_EVERY_MS,
): Promise<void> {
  await t.test(name, async t => {
    const world = new World(7, hosts, beatEveryMs)
    await world.time.run(async () => {
      await story(world, t)
      for (const { host } of world.engines) host.start()
      await world.allServe()
      await world.sleep(20_000)
    })
    const states = world.engines.map(({ host }) => host.ipam?.membership.state)
    const away = states.filter(state => state?.is !== 'serving')
    t.strictSame(away, [], 'all serve')
    t.strictSame([...world.faults, ...faultsWhenQuiet(world)], [])
  })
}

/** Starts them, and waits until they serve. */
export async function started(world: World, ...engines: Engine[]): Promise<void> {
  for (const { host } of engines) host.start()
  await world.allServe()
}

/** All hosts, each with the network. */
export async function fleet(world: World, order: NetworkOrder = NETWORK): Promise<void> {
  await started(world, ...world.engines)
  for (const engine of world.engines) await engine.createNetwork(order)
}

/** Starts as many containers, or as many as there are addresses for. */
export async function fill(engine: Engine, count: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (let i = 0; i < count; i++) outcomes.push(await engine.run(POOL))
  return outcomes
}

/** Starts one container. */
export async function runOne(engine: Engine): Promise<Held> {
  await engine.run(POOL)
  const held = [...engine.held.values()].at(-1)
  if (!held) throw new Error(`${engine.host.name} was given nothing`)
  return held
}

/** Sets the store back to what it was when `later` began, a beat or more ago. */
export async function setBackBehind(
  world: World,
  later: () => Promise<unknown>,
  history = world.store.history,
): Promise<void> {
  await world.sleep(5000)
  const snapshot = world.store.snapshot(world.time.now)
  await world.sleep(5000)
  await later()
  await world.sleep(5000)
  world.setBack(snapshot, history)
}

/** Just behind a sign of life of `engine`, which then starts containers and fences itself: by its fence alone it differs. */
export async function snapshotBehindBeat(world: World, engine: Engine): Promise<Snapshot> {
  const { host } = engine
  const beats = () => host.disk.notes?.beat ?? 0
  const before = beats()
  await world.until(() => beats() > before)
  await world.sleep(100)
  const snapshot = world.store.snapshot(world.time.now)
  await fill(engine, 5)
  await host.within(async ({ registration }) => {
    await registration.fence()
    return {}
  })
  return snapshot
}

/** The operator recovers; until all hosts are done with it. */
export async function recovered(world: World, by: Engine): Promise<void> {
  await world.recover(by)
  await world.until(() => !world.isSetBack)
  await world.allServe()
}

export const stateOf = ({ host }: Engine): string => host.ipam?.membership.state.is ?? 'not running'

export const codeOf = (outcome: Outcome): string =>
  outcome.is === 'refused' ? outcome.code : outcome.is
