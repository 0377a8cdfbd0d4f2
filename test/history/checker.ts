import { contains, parseAddress, parseSubnet, rangeOf } from '../../ipam-plugin/addresses.ts'
import { parseExclusion } from '../../ipam-plugin/exclusions.ts'
import { given, holdsOf } from './holds.ts'
import type { Hold } from './holds.ts'
import { sharesOf } from './networks.ts'
import type { Share } from './networks.ts'
import type { Call, History, PoolRules } from './record.ts'
import { findingsOfSights } from './sights.ts'
import type { Leak } from './sights.ts'

/** What a history breaks, a sentence each, and what it leaves behind by design. */
export type Findings = {
  readonly broken: readonly string[]
  readonly leaks: readonly Leak[]
}

/** Judges a run by its record alone. */
export function check(history: History): Findings {
  const holds = holdsOf(history)
  const shares = sharesOf(history)
  const sights = findingsOfSights(history, holds)
  return {
    broken: [
      ...twice(holds),
      ...sharedAndUsed(holds, shares),
      ...differingGateways(shares),
      ...history.calls.flatMap(call => wrongAnswer(call, history.pools)),
      ...sights.broken,
    ],
    leaks: sights.leaks,
  }
}

/** Promise 1: no address is in use by two endpoints at once. */
function twice(holds: readonly Hold[]): string[] {
  const certain = holds.filter(hold => hold.certain)
  return [...Map.groupBy(certain, ({ address }) => address).values()].flatMap(same => {
    const inOrder = same.toSorted((a, b) => a.from - b.from)
    let last: Hold | undefined
    return inOrder.flatMap(hold => {
      const before = last
      if (!before || hold.to > before.to) last = hold
      if (!before || hold.from >= before.to || hold.call === before.call) return []
      return [
        `${hold.address} is in use twice: by ${shown(before)}, and by ${shown(hold)} at the same time`,
      ]
    })
  })
}

function sharedAndUsed(holds: readonly Hold[], shares: readonly Share[]): string[] {
  return shares.flatMap(share =>
    holds
      .filter(hold => hold.certain && hold.address === share.address && meet(hold, share))
      .map(
        hold =>
          `${hold.address} is in use by ${shown(hold)}, and a gateway or auxiliary address of ${share.host} at the same time`,
      ),
  )
}

function differingGateways(shares: readonly Share[]): string[] {
  const gateways = shares.filter(({ gateway }) => gateway)
  return gateways.flatMap((one, i) =>
    gateways
      .slice(i + 1)
      .filter(other => subnetOf(other) === subnetOf(one) && meet(one, other))
      .filter(other => other.address !== one.address)
      .map(
        other =>
          `the gateway of ${subnetOf(one)} is ${one.address} on ${one.host} and ${other.address} on ${other.host}`,
      ),
  )
}

/** An answer must be what was asked for, and within what the pool allows. */
function wrongAnswer(call: Call, pools: readonly PoolRules[]): string[] {
  const { asked, outcome, host } = call
  if (outcome.is !== 'ok') return []
  if (asked.do === 'retry' && asked.method === 'RequestAddress') {
    return [`${host} was given ${outcome.address} by a retry that had lost its body`]
  }
  if ('address' in asked && asked.do !== 'release' && asked.address !== outcome.address) {
    return [`${host} asked for ${asked.address} and was given ${outcome.address}`]
  }
  const address = given(call)
  const rules = pools.find(({ id }) => id === call.pool)
  if (address === undefined || !rules) return []
  const room = asked.do === 'request' && !asked.address && rules.range ? rules.range : rules.subnet
  if (!contains(rangeOf(parseSubnet(room)), parseAddress(address))) {
    return [`${host} was given ${address}, which is not in ${room}`]
  }
  const excluded = rules.exclude.find(text => contains(parseExclusion(text), parseAddress(address)))
  return excluded ? [`${host} was given ${address}, which ${excluded} excludes`] : []
}

const meet = (a: { from: number; to: number }, b: { from: number; to: number }): boolean =>
  a.from < b.to && b.from < a.to

const subnetOf = ({ pool }: Share): string => pool.split('~').slice(0, 2).join('~')

const shown = ({ host, from, to }: Hold): string =>
  `${host} from ${ms(from)} to ${to === Infinity ? 'the end' : ms(to)}`

const ms = (at: number): string => `${Math.round(at)} ms`
