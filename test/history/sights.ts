import { given } from './holds.ts'
import type { Hold } from './holds.ts'
import { hasNetworks } from './networks.ts'
import type { Call, History, Sight, UsedSight } from './record.ts'

/**
 * A record that nobody uses and that is left by design, until its host reboots: the answer that gave the address was
 * never heard, or its release was never confirmed.
 */
export type Leak = { readonly used: UsedSight; readonly by: 'request' | 'release' }

export type SightFindings = { readonly broken: readonly string[]; readonly leaks: readonly Leak[] }

/** What the store held is compared with what the engines knew at the time. */
export function findingsOfSights(history: History, holds: readonly Hold[]): SightFindings {
  const settled = history.sights.filter(sight => sight.settled)
  const last = settled.at(-1)
  const left = settled.flatMap(sight => leftOver(sight, history, holds))
  return {
    broken: [
      ...history.sights.flatMap(sight => vanished(sight, history, holds)),
      ...history.sights.flatMap(sight => zombies(sight, history)),
      ...left.flatMap(({ used, by }) => (by ? [] : leaked(used, history.calls))),
      ...(last ? strayUsers(last, history) : []),
    ],
    leaks: left.flatMap(({ used, by }) => (by ? [{ used, by }] : [])),
  }
}

type LeftOver = { readonly used: UsedSight; readonly by: Leak['by'] | undefined }

/** What nobody uses, and what excuses that. */
function leftOver(sight: Sight, history: History, holds: readonly Hold[]): LeftOver[] {
  return sight.used
    .filter(used => !isHeld(used, sight, holds))
    .map(used => ({ used, by: excuseOf(used, sight, history) }))
}

/** Promise 2: what is in use stays used, whatever happens. */
function vanished(sight: Sight, { events }: History, holds: readonly Hold[]): string[] {
  const setBack = events.some(
    event => event.is === 'restored' && sight.sent < event.until && sight.ended > event.at,
  )
  if (setBack) return []
  return holds
    .filter(({ certain, from, to }) => certain && from <= sight.sent && to >= sight.ended)
    .filter(
      hold => !sight.used.some(used => used.address === hold.address && used.host === hold.host),
    )
    .map(
      ({ host, address, from }) =>
        `${address} vanished: ${host} uses it since ${Math.round(from)} ms, and at ${Math.round(sight.sent)} ms the store did not have it as used by it`,
    )
}

/** Promise 1: nothing that was claimed before an eviction commits after it. */
function zombies(sight: Sight, { events }: History): string[] {
  return sight.used
    .filter(({ host, generation }) => generation < (sight.generations[host] ?? 0))
    .filter(({ host }) => !beingEvicted(host, sight, events))
    .map(
      ({ host, address, generation }) =>
        `${address} is used by ${host} with generation ${generation}, which ended with an eviction: the host's is ${sight.generations[host]}`,
    )
}

function beingEvicted(host: string, sight: Sight, events: History['events']): boolean {
  return events.some(event =>
    event.is === 'restored' || (event.is === 'evicted' && event.host === host)
      ? sight.sent < event.until && sight.ended > event.at
      : false,
  )
}

function isHeld(used: UsedSight, sight: Sight, holds: readonly Hold[]): boolean {
  return holds.some(
    ({ host, address, from, to }) =>
      host === used.host && address === used.address && from <= sight.ended && to >= sight.sent,
  )
}

/**
 * The kind of the unanswered call of this host that explains the record, unless the host has rebooted since. A record
 * without a MAC was claimed again by a host that returned, and which call it came from is not told any more.
 */
function excuseOf(
  { host, address, mac }: UsedSight,
  sight: Sight,
  { calls, events }: History,
): Leak['by'] | undefined {
  const reboots = events.filter(event => event.is === 'rebooted' && event.host === host)
  const since = Math.max(...reboots.map(({ at }) => at).filter(at => at < sight.sent))
  const asked = calls
    .filter(
      ({ outcome, host: by, sent }) => outcome.is === 'unknown' && by === host && sent > since,
    )
    .map(call => call.asked)
  if (asked.some(one => one.do === 'request' && (one.mac === mac || !mac))) return 'request'
  return asked.some(one => one.do === 'release' && one.address === address) ? 'release' : undefined
}

function leaked(used: UsedSight, calls: readonly Call[]): string {
  return `${used.address} leaked: ${used.host} has it in the store, and nobody uses it${whose(used, calls)}`
}

function whose({ mac, address, host }: UsedSight, calls: readonly Call[]): string {
  const call = calls.find(({ asked }) => asked.do === 'request' && asked.mac === mac)
  const got = call && (given(call) ?? ('why' in call.outcome ? call.outcome.why : ''))
  const released = calls.findLast(
    ({ asked, host: by }) => by === host && asked.do === 'release' && asked.address === address,
  )
  return [
    call ? `; its claim was answered: ${call.outcome.is} ${got}` : '',
    released ? `; its last release was answered: ${released.outcome.is}` : '',
  ].join('')
}

/** A pool has those hosts as users that have networks of it. */
function strayUsers({ users }: Sight, history: History): string[] {
  return [...new Set(history.calls.map(({ host }) => host))].flatMap(host =>
    history.pools.flatMap(({ id }) => {
      const has = hasNetworks(history, host, id)
      const inStore = users[host]?.includes(id) ?? false
      if (has === undefined || has === inStore) return []
      return has
        ? [`${host} has a network of ${id}, and is no user of the pool in the store`]
        : [`${host} has no network of ${id}, and is a user of the pool in the store`]
    }),
  )
}
