import type { Call, History } from './record.ts'

/** A time in which an address is a gateway or auxiliary address of a host's networks. */
export type Share = {
  readonly host: string
  readonly pool: string
  readonly address: string
  readonly gateway: boolean
  readonly from: number
  readonly to: number
}

/** How many networks a host has of a pool from a time on: what was not answered may count or not. */
type Count = { readonly at: number; readonly least: number; readonly most: number }
type Change = { readonly at: number; readonly by: (count: Count) => Omit<Count, 'at'> }

/** From the answer that named it until the host's last network of the pool may go, or the host is evicted. */
export function sharesOf(history: History): Share[] {
  return history.calls.flatMap(({ asked, outcome, host, pool, sent, ended }) => {
    if (asked.do !== 'gateway' && asked.do !== 'aux') return []
    if (outcome.is !== 'ok' || outcome.address === undefined) return []
    const gone = countsOf(history, host, pool).find(({ at, least }) => at >= sent && least === 0)
    const to = gone?.at ?? Infinity
    const { address } = outcome
    const share = { host, pool, address, gateway: asked.do === 'gateway', from: ended, to }
    return to > ended ? [share] : []
  })
}

/** Whether the host has networks of the pool in the end; undefined where nobody can tell. */
export function hasNetworks(history: History, host: string, pool: string): boolean | undefined {
  const last = countsOf(history, host, pool).at(-1)
  if (!last || last.most === 0) return false
  return last.least > 0 ? true : undefined
}

function countsOf({ calls, events }: History, host: string, pool: string): Count[] {
  const evictions = events
    .filter(event => event.is === 'evicted' && event.host === host)
    .map(({ at }): Change => ({ at, by: ({ most }) => ({ least: 0, most }) }))
  const changes = calls
    .filter(call => call.host === host && call.pool === pool)
    .flatMap(changesBy)
    .concat(evictions)
    .toSorted((a, b) => a.at - b.at)
  const counts: Count[] = []
  for (const { at, by } of changes) {
    counts.push({ at, ...by(counts.at(-1) ?? { at, least: 0, most: 0 }) })
  }
  return counts
}

/** A join counts from its answer, a leave from when it is sent. */
function changesBy({ asked, outcome, sent, ended }: Call): Change[] {
  const known = outcome.is === 'ok'
  if (asked.do === 'join' && outcome.is !== 'refused') {
    return [
      {
        at: ended,
        by: ({ least, most }) => ({ least: known ? least + 1 : least, most: most + 1 }),
      },
    ]
  }
  if (asked.do === 'leave') {
    return [
      {
        at: sent,
        by: ({ least, most }) => ({
          least: Math.max(0, least - 1),
          most: known ? Math.max(0, most - 1) : most,
        }),
      },
    ]
  }
  return []
}
