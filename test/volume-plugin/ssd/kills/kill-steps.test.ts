import './own-mounts.ts'
import { randomInt } from 'node:crypto'
import { t as file } from 'tap'
import { canUseDisks } from '../../../disks/requirements.ts'
import { Random } from '../../../history/random.ts'
import { cutOff, cutOffRestart, prepare, stepsOf, stepsOfRestart } from './cutting.ts'
import type { Step } from './cutting.ts'
import { scenarioOf, SCENARIOS } from './scenarios.ts'
import { World } from './world.ts'

/** All steps in the long run, a few of each call else; SEED repeats them. */
const SOAK = process.env['BERTH_SOAK'] !== undefined
const SEED = Number(process.env['SEED'] ?? randomInt(2 ** 30))
const FEW = 2
/** On a slow machine it is one of each call, once so much time is over. */
const LASTS_MS = 45_000
/** Where a first plugin was killed, so that the next one has something to do at its start. */
const LEFT = [
  ['Create', 'hold.write'],
  ['Create', 'book.put formatting'],
  ['Create', 'hold.format'],
  ['Create', 'mounts.mount'],
  ['a wipe', 'book.put wiping body'],
  ['a wipe', 'book.put wiping head'],
] as const

file.setTimeout(7_200_000)
file.jobs = 2

if (canUseDisks()) {
  const random = new Random(SEED)
  const some = (steps: readonly Step[], part: number) => {
    const few = performance.now() < LASTS_MS ? FEW : 1
    return SOAK ? steps : random.fork(part).shuffled(steps).slice(0, few)
  }

  const ofCalls = SCENARIOS.map((scenario, part) =>
    file.test(`killed at any step of ${scenario.name}, nothing is lost (SEED=${SEED})`, async t => {
      const world = await World.create(t, 3)
      await prepare(world, scenario)
      const all = await stepsOf(world, scenario)
      for (const step of some(all, part)) {
        const faults = await cutOff(world, scenario, step)
        t.strictSame(faults, [], `killed ${step.when} call ${step.call}, ${step.text}`)
      }
      t.comment(`${all.length} steps in all`)
    }),
  )
  const ofStarts = (SOAK ? LEFT : [random.pick(LEFT)]).map(([name, at], part) =>
    file.test(`killed again after ${at} of ${name}, nothing is lost (SEED=${SEED})`, async t => {
      const scenario = scenarioOf(name)
      const world = await World.create(t, 3)
      await prepare(world, scenario)
      const all = await stepsOfRestart(world, scenario, { call: at, when: 'after' })
      for (const step of some(all, SCENARIOS.length + part)) {
        const faults = await cutOffRestart(world, scenario, step)
        t.strictSame(faults, [], `killed ${step.when} call ${step.call}, ${step.text}`)
      }
      t.comment(`${all.length} steps in all`)
    }),
  )
  await Promise.all([...ofCalls, ...ofStarts])
}
