import type { Findings } from './checker.ts'
import type { Plan } from './plan.ts'
import type { Call, History } from './record.ts'

/** One line for people: what a run consisted of. */
export function countsOf(plan: Plan, { calls, sights }: History, findings: Findings): string {
  const claims = calls.filter(({ asked }) => asked.do === 'request')
  const of = (is: string, some: readonly Call[]) =>
    some.filter(({ outcome }) => outcome.is === is).length
  const conflicts = claims.filter(
    ({ outcome }) => outcome.is === 'refused' && /is used on|gateway or aux/.test(outcome.why),
  )
  const leaks = (by: string) => findings.leaks.filter(leak => leak.by === by).length
  return [
    `seed ${plan.seed}`,
    `${calls.length} operations on ${plan.hosts.length} hosts`,
    `faults: ${faultsOf(plan)}`,
    `${claims.length} claims (${of('ok', claims)} given, ${of('refused', claims)} refused, ${conflicts.length} of them conflicts)`,
    `${of('unknown', calls)} without an answer`,
    `leaked until a reboot: ${leaks('request')} by answers never heard, ${leaks('release')} by releases never heard`,
    `${sights.length} looks at the store`,
    `${findings.broken.length} promises broken`,
  ].join('; ')
}

function faultsOf({ faults }: Plan): string {
  const kinds = Map.groupBy(faults, fault => fault.do)
  return [...kinds].map(([kind, some]) => `${kind} ${some.length}`).join(', ') || 'none'
}
