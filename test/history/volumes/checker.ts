import type { Call, History, Hold } from './record.ts'

/** What a history breaks, a sentence each. */
export function check(history: History): readonly string[] {
  return [
    ...twiceByRecord(history),
    ...twice(history),
    ...denied(history),
    ...vanished(history),
    ...history.left,
  ]
}

/** Of an exclusive volume no state of the store has two users. */
function twiceByRecord({ states }: History): string[] {
  return states
    .filter(({ exclusive, users }) => exclusive && users.length > 1)
    .map(
      ({ volume, revision, users }) =>
        `${volume} is exclusive, and the store had ${users.join(' and ')} at ${revision}`,
    )
}

/** An exclusive volume is never used on two hosts at once, unless an operator took it from one of them. */
function twice({ holds, events }: History): string[] {
  const ends = (hold: Hold) => {
    const broken = events.filter(
      ({ host, volume, at }) => host === hold.host && volume === hold.volume && at < hold.to,
    )
    return Math.min(hold.to, ...broken.map(({ at }) => at).filter(at => at > hold.from))
  }
  const exclusive = holds.filter(hold => hold.exclusive).toSorted((a, b) => a.from - b.from)
  return exclusive.flatMap((hold, i) =>
    exclusive
      .slice(i + 1)
      .filter(later => later.volume === hold.volume && later.host !== hold.host)
      .filter(later => later.from < ends(hold))
      .map(
        later =>
          `${hold.volume} is exclusive, and ${later.host} has it from ${later.from.toFixed(0)} ms on, ` +
          `while ${hold.host} has it from ${hold.from.toFixed(0)} to ${ends(hold).toFixed(0)} ms`,
      ),
  )
}

/** From an answered Create on, until somebody asks to remove it, no engine is told that a volume is not there. */
function denied({ calls, holds }: History): string[] {
  const of = (volume: string, what: Call['do']) =>
    calls.filter(call => call.volume === volume && call.do === what)
  return calls.flatMap(call => {
    const { volume, outcome, host, sent } = call
    if (outcome.is !== 'refused' || (call.do !== 'Get' && call.do !== 'Mount')) return []
    if (!/no such volume|There is no volume|There is no folder/.test(outcome.why)) return []
    // A folder of each host is made when etcd is there, not with the volume.
    const those = holds.filter(one => one.volume === volume && one.from < call.ended)
    const isMissing = outcome.why.includes('none is made while etcd does not answer')
    if (isMissing && !those.some(one => one.host === host)) return []
    const isOld = outcome.why.includes('brought back meanwhile')
    if (isOld && of(volume, 'restore').length > 0) return []
    const isOk = ({ outcome: { is } }: Call) => is === 'ok'
    const since = [...of(volume, 'Create'), ...of(volume, 'restore')]
      .filter(one => isOk(one) && one.ended < sent)
      .map(({ ended }) => ended)
    const begun = Math.max(...since)
    const isAsked = of(volume, 'Remove').some(
      one => one.sent < call.ended && (one.ended > begun || one.outcome.is === 'unknown'),
    )
    if (since.length === 0 || isAsked) return []
    return [`${volume} is there since ${begun.toFixed(0)} ms, and ${host} was told: ${outcome.why}`]
  })
}

/** Who mounts a volume finds whatever was written to it before. */
function vanished({ holds }: History): string[] {
  return [...Map.groupBy(holds, ({ folder }) => folder).values()].flatMap(same =>
    same.flatMap(hold =>
      same
        .filter(({ wrote, mark }) => wrote < hold.from && !hold.found.includes(mark))
        .map(({ mark }) => `${hold.host} does not find ${mark} in ${hold.volume}`),
    ),
  )
}
