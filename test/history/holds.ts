import type { Call, Event, History } from './record.ts'

/**
 * A time from `from` to before `to` in which an endpoint has an address, as far as its engine knows. It is `certain`
 * where nobody else may have it; not where the operator said that the host is dead and it was not: until that host,
 * back again, has said what it kept.
 */
export type Hold = {
  readonly host: string
  readonly address: string
  readonly from: number
  readonly to: number
  readonly certain: boolean
  readonly call: Call
}

type Change = { readonly at: number; readonly to: 'over' | 'certain' | 'doubtful' }

/**
 * An address is in use from the answer that gave it until its release is sent, whatever becomes of that: the engine is
 * done with it. It ends too with a reboot, and where its host reports it lost.
 */
export function holdsOf({ calls, events }: History): Hold[] {
  const releases = byHostAndAddress(calls)
  return calls.flatMap(call => {
    const address = given(call)
    if (address === undefined) return []
    const changes = [
      ...(releases.get(`${call.host} ${address}`) ?? []),
      ...events.flatMap(event => changesBy(event, call.host, address, events)),
    ]
    return stretches(call, address, caughtIn(call, events), changes)
  })
}

/** The address that an endpoint got by this call, or undefined. */
export function given({ asked, outcome }: Call): string | undefined {
  return asked.do === 'request' && outcome.is === 'ok' ? outcome.address : undefined
}

function byHostAndAddress(calls: readonly Call[]): Map<string, Change[]> {
  const releases = new Map<string, Change[]>()
  for (const { host, asked, sent } of calls) {
    if (asked.do !== 'release') continue
    const key = `${host} ${asked.address}`
    const change: Change = { at: sent, to: 'over' }
    releases.set(key, [...(releases.get(key) ?? []), change])
  }
  return releases
}

function changesBy(
  event: Event,
  host: string,
  address: string,
  events: readonly Event[],
): Change[] {
  if (event.is === 'restored' || event.host !== host) return []
  switch (event.is) {
    case 'evicted':
      return [{ at: event.at, to: 'doubtful' }]
    case 'rebooted':
      return [{ at: event.at, to: 'over' }]
    case 'kept': {
      const isEvicted = events.some(
        one =>
          one.is === 'evicted' && one.host === host && one.at <= event.at && event.at < one.until,
      )
      return !isEvicted && event.addresses.includes(address)
        ? [{ at: event.at, to: 'certain' }]
        : []
    }
    case 'lost':
      return event.addresses.includes(address) ? [{ at: event.at, to: 'over' }] : []
  }
}

/** Sent before its host was evicted, answered since: committed before or after, nobody can tell. */
function caughtIn({ host, sent, ended }: Call, events: readonly Event[]): boolean {
  return events.some(
    event =>
      event.is === 'evicted' && event.host === host && sent < event.until && ended > event.at,
  )
}

function stretches(
  call: Call,
  address: string,
  doubtful: boolean,
  changes: readonly Change[],
): Hold[] {
  const holds: Hold[] = []
  let from = call.ended
  let certain = !doubtful
  const until = (to: number) => {
    if (to > from) holds.push({ host: call.host, address, from, to, certain, call })
  }
  for (const change of changes.filter(({ at }) => at >= from).toSorted((a, b) => a.at - b.at)) {
    until(change.at)
    if (change.to === 'over') return holds
    from = change.at
    certain = change.to === 'certain'
  }
  until(Infinity)
  return holds
}
