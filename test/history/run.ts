import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { KeyedQueue } from '../../ipam-plugin/keyed-queue.ts'
import { check } from './checker.ts'
import type { Findings } from './checker.ts'
import { inflict } from './inflict.ts'
import { makePlan, placeOf } from './plan.ts'
import type { Fault, Plan, PlanOptions } from './plan.ts'
import type { History } from './record.ts'
import { countsOf } from './counts.ts'
import { World } from './world.ts'

const LOOK_EVERY_MS = 3000
const SETTLES_WITHIN_MS = 20_000

export type RunOptions = PlanOptions & {
  readonly seed: number
  /** Modules that replace a part of each instance. */
  readonly preloads?: readonly string[]
}

export type Result = Findings & {
  readonly history: History
  /** One line: what happened, in numbers. */
  readonly counts: string
  /** Where the record and the logs are, if anything is broken. */
  readonly folder: string | undefined
}

/** Lets the plan of the seed happen, and judges what became of it. */
export async function run(options: RunOptions): Promise<Result> {
  const plan = makePlan(options.seed, options)
  const world = await World.open({ ...options, hosts: plan.hosts })
  try {
    await live(world, plan)
    const { history } = world.recorder
    const findings = check(history)
    const whole = findings.broken.length === 0
    const folder = await world.close(!whole)
    if (!whole) await writeFile(join(folder, 'history.json'), JSON.stringify(history))
    const counts = countsOf(plan, history, findings)
    return { ...findings, history, counts, folder: whole ? undefined : folder }
  } catch (error) {
    const folder = await world.close(true)
    throw new Error(`The run of seed ${plan.seed} broke off; its logs are in ${folder}`, {
      cause: error,
    })
  }
}

async function live(world: World, { lastsMs, faults }: Plan): Promise<void> {
  const over = new AbortController()
  await world.start()
  await world.createNetworks(AbortSignal.timeout(60_000))
  const looking = lookAgain(world, over.signal)
  const working = world.work(over.signal)
  await Promise.race([Promise.all([sleep(lastsMs), ...faults.map(later(world))]), working, looking])
  await world.heal()
  over.abort()
  await Promise.all([working, looking])
  await world.settle(SETTLES_WITHIN_MS)
  for (const host of world.hosts) await world.powerOff(host)
  await world.heal()
  await world.settle(SETTLES_WITHIN_MS)
}

/** What happens at one place happens one after the other, however long it takes. */
function later(world: World): (fault: Fault) => Promise<void> {
  const queue = new KeyedQueue()
  return async fault => {
    if (fault.do === 'restore') {
      await sleep(fault.at - fault.ageMs)
      await world.takeSnapshot()
      await sleep(fault.ageMs)
    } else await sleep(fault.at)
    await queue.run(placeOf(fault), async () => await inflict(world, fault))
  }
}

async function lookAgain(world: World, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(LOOK_EVERY_MS)
    // While etcd is away there is nothing to see.
    await world.look().catch(() => undefined)
  }
}
