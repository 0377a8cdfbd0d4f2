import t from 'tap'
import { makePlan } from './plan.ts'
import type { FaultKind, PlanOptions } from './plan.ts'
import { stepsOf } from './steps.ts'
import type { Step } from './steps.ts'

const KINDS: readonly FaultKind[] = ['clock', 'etcd', 'evict', 'kill', 'leader', 'restore', 'stop']
const OPTIONS: PlanOptions = { hosts: 8, lastsMs: 60_000, kinds: KINDS }

await t.test('the same seed makes the same plan, another one another', t => {
  t.strictSame(makePlan(7, OPTIONS), makePlan(7, OPTIONS))
  t.notSame(makePlan(7, OPTIONS), makePlan(8, OPTIONS))
  t.strictSame(someSteps(2), someSteps(2))
  t.notSame(someSteps(2), someSteps(1))
  t.end()
})

await t.test('each kind of fault comes, in order, and the end is calm', t => {
  for (let seed = 0; seed < 200; seed++) {
    const { faults } = makePlan(seed, OPTIONS)
    const times = faults.map(({ at }) => at)
    t.strictSame([...new Set(faults.map(fault => fault.do))].toSorted(), KINDS, `seed ${seed}`)
    t.strictSame(
      times.toSorted((a, b) => a - b),
      times,
    )
    t.ok(times.every(at => at < OPTIONS.lastsMs - 3000))
  }
  t.end()
})

await t.test('the store has one fault at a time', t => {
  for (let seed = 0; seed < 200; seed++) {
    const { faults } = makePlan(seed, OPTIONS)
    const store = faults.filter(fault => fault.do === 'leader' || fault.do === 'etcd')
    t.ok(store.every((one, i) => i === 0 || one.at >= endOf(store[i - 1])))
  }
  t.end()
})

function someSteps(lane: number): Step[] {
  const steps = stepsOf(7, 1, lane)
  return Array.from({ length: 50 }, () => steps.next().value)
}

function endOf(fault: { at: number; forMs: number } | undefined): number {
  return fault ? fault.at + fault.forMs : 0
}
