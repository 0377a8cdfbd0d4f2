import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { KeyedQueue } from '../../shared/keyed-queue.ts'
import { check } from './checker.ts'
import type { Findings } from './checker.ts'
import { inflict } from './inflict.ts'
import { makePlan, placeOf } from './plan.ts'
import type { Fault, FaultKind, Plan, PlanOptions } from './plan.ts'
import type { History } from './record.ts'
import { countsOf } from './counts.ts'
import { World } from './world.ts'

const LOOK_EVERY_MS = 1000
const SETTLES_WITHIN_MS = 20_000

/** Everything that may fail. */
export const ALL_KINDS: readonly FaultKind[] = [
  ...(['kill', 'stop', 'reboot', 'clock', 'evict'] as const),
  ...(['cut', 'delay', 'late', 'strand', 'partition'] as const),
  ...(['leader', 'etcd', 'restore'] as const),
]

export type PlayOptions = PlanOptions & {
  readonly seed: number
  /** Modules that replace a part of each instance. */
  readonly preloads?: readonly string[]
  /** Ends as soon as anything is seen to be broken. */
  readonly untilBroken?: boolean
  /** How long the end may take, until nothing is left that nobody has. */
  readonly settlesWithinMs?: number
}

export type Result = Findings & {
  readonly history: History
  /** One line: what happened, in numbers. */
  readonly counts: string
  /** Where the record and the logs are, if anything is broken. */
  readonly folder: string | undefined
}

// What runs on its own is ended when this process exits; a signal must let it come to that.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))

/** Lets the plan of the seed happen, and judges what became of it. */
export async function play(options: PlayOptions): Promise<Result> {
  const plan = makePlan(options.seed, options)
  const world = await World.open({ ...options, hosts: plan.hosts })
  try {
    await live(world, plan, options)
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

async function live(
  world: World,
  plan: Plan,
  { untilBroken = false, settlesWithinMs = SETTLES_WITHIN_MS }: PlayOptions,
): Promise<void> {
  const isBroken = () => untilBroken && check(world.recorder.history).broken.length > 0
  await world.start()
  await world.createNetworks(AbortSignal.timeout(60_000))
  await letHappen(world, plan, isBroken)
  if (isBroken()) return
  await world.settle(settlesWithinMs)
  if (isBroken()) return
  for (const host of world.hosts) await world.powerOff(host)
  await world.heal()
  await world.settle(settlesWithinMs)
}

/** Containers start and stop while things fail; in the end all is mended, and nothing under way any more. */
async function letHappen(world: World, plan: Plan, isEnough: () => boolean): Promise<void> {
  const enough = new AbortController()
  const over = new AbortController()
  const looking = lookAgain(world, isEnough, over.signal).finally(() => enough.abort())
  const working = world.work(over.signal)
  const failing = plan.faults.map(later(world, enough.signal))
  try {
    const all = Promise.all([pause(plan.lastsMs, enough.signal), ...failing])
    await Promise.race([all, working])
    await world.heal()
  } finally {
    over.abort()
    await Promise.all([working, looking])
  }
}

/** What happens at one place happens one after the other, however long it takes. */
function later(world: World, enough: AbortSignal): (fault: Fault) => Promise<void> {
  const queue = new KeyedQueue()
  return async fault => {
    const ageMs = fault.do === 'restore' ? fault.ageMs : 0
    await pause(fault.at - ageMs, enough)
    if (fault.do === 'restore' && !enough.aborted) await world.takeSnapshot()
    await pause(ageMs, enough)
    await queue.run(placeOf(fault), async () => {
      if (!enough.aborted) await inflict(world, fault, enough)
    })
  }
}

/** Ends early, as if it were over, when `enough` has been seen. */
async function pause(ms: number, enough: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: enough }).catch(() => undefined)
}

async function lookAgain(
  world: World,
  isEnough: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted && !isEnough()) {
    await sleep(LOOK_EVERY_MS)
    await world.look()
  }
}
