import { Refusal } from '../shared/refusal.ts'
import {
  formatAddress,
  formatSubnet,
  overlap,
  parseAddress,
  parseSubnet,
  rangeOf,
  size,
} from './addresses.ts'
import type { Address, Subnet } from './addresses.ts'
import { DEFAULT_COOLDOWN_MS } from './options.ts'
import type { Pool } from './pool-id.ts'
import type { PoolRecord, SegmentRecord } from './records.ts'
import type { Host } from '../shared/host.ts'

/** How the shared records of a pool change, as pure functions of what was read. */

export type JoinRequest = {
  readonly pool: Pool
  readonly exclude: readonly string[]
  /** Undefined: whatever the pool has. */
  readonly cooldownMs: number | undefined
  /** For a pool that has to be made: whatever it had before. */
  readonly cooldownIfNew?: number
  /** Chosen by Berth, not named by a user: then it belongs to this host alone. */
  readonly automatic: boolean
}

/** Whether a pool that this host has already is all that is asked for. */
export function bringsNothingNew(
  { exclude, cooldownMs }: JoinRequest,
  has: { readonly exclude: readonly string[]; readonly cooldownMs: number },
): boolean {
  const isKnown = exclude.every(text => has.exclude.includes(text))
  return isKnown && (cooldownMs === undefined || cooldownMs === has.cooldownMs)
}

export const SHARED_LIMIT = 100

export function created(host: Host, request: JoinRequest): PoolRecord {
  const { cooldownMs, cooldownIfNew, automatic } = request
  return {
    aux: [],
    cooldown: { ms: cooldownMs ?? cooldownIfNew ?? DEFAULT_COOLDOWN_MS, by: host.name },
    ...(automatic ? { automatic: host.id } : {}),
    users: {},
  }
}

/**
 * The record with this host among the pool's users. Exclusions add up, over networks and over hosts.
 *
 * @throws {Refusal} where the pool is another host's own, or its rest differs from the one asked for
 */
export function joined(
  record: PoolRecord,
  host: Host,
  generation: number,
  request: JoinRequest,
): PoolRecord {
  const { pool, cooldownMs } = request
  const subnet = formatSubnet(pool.subnet)
  if (record.automatic !== undefined && record.automatic !== host.id) {
    const owner = record.users[record.automatic]?.name ?? record.automatic
    throw new Refusal(
      'pool-conflict',
      `The subnet ${subnet} was chosen automatically for a network of host ${owner}; name another --subnet`,
    )
  }
  if (cooldownMs !== undefined && cooldownMs !== record.cooldown.ms) {
    throw new Refusal(
      'pool-conflict',
      `The pool ${subnet} has berth.cooldown=${record.cooldown.ms}ms, set on host ${record.cooldown.by}: ` +
        `${cooldownMs}ms differs. Leave the option out, or give the same`,
    )
  }
  const mine = record.users[host.id]?.pools ?? {}
  const exclude = [...new Set([...(mine[pool.id] ?? []), ...request.exclude])]
  const users = {
    ...record.users,
    [host.id]: { name: host.name, generation, pools: { ...mine, [pool.id]: exclude } },
  }
  return { ...record, users }
}

/** The record without the host's use of the pool. */
export function left(record: PoolRecord, host: string, { id }: Pool): PoolRecord {
  const user = record.users[host]
  if (!user) return record
  const { [id]: _gone, ...pools } = user.pools
  const { [host]: _left, ...others } = record.users
  if (Object.keys(pools).length === 0) return { ...record, users: others }
  return { ...record, users: { ...others, [host]: { ...user, pools } } }
}

/** Whether any host still uses the pool with this id. */
export function isUsed(record: PoolRecord, { id }: Pool): boolean {
  return Object.values(record.users).some(({ pools }) => Object.hasOwn(pools, id))
}

export function isEmpty({ users }: PoolRecord): boolean {
  return Object.keys(users).length === 0
}

/**
 * The gateway that the pool is to have, where it has `gateway`. Undefined: none yet, and none named, so one is to be elected.
 *
 * @throws {Refusal} where another one stands
 */
export function gatewayFor(
  gateway: PoolRecord['gateway'],
  wanted: Address | undefined,
  { subnet }: Pool,
): Address | undefined {
  if (!gateway) return wanted
  if (wanted && formatAddress(wanted) !== gateway.address) {
    throw new Refusal(
      'pool-conflict',
      `The gateway of ${formatSubnet(subnet)} is ${gateway.address}, set on host ${gateway.by}; ` +
        `${formatAddress(wanted)} differs. All networks of a subnet share one gateway`,
    )
  }
  return parseAddress(gateway.address)
}

/** @throws {Refusal} where the pool has as many as one transaction of the store can take along when it goes */
export function withAux(record: PoolRecord, address: Address, { subnet }: Pool): PoolRecord {
  const text = formatAddress(address)
  if (record.aux.includes(text) || record.gateway?.address === text) return record
  if (record.aux.length >= SHARED_LIMIT) {
    throw new Refusal(
      'too-many-shared',
      `The pool ${formatSubnet(subnet)} has ${SHARED_LIMIT} auxiliary addresses already; exclude more with berth.exclude`,
    )
  }
  return { ...record, aux: [...record.aux, text].toSorted() }
}

/** The record without those of its gateway and auxiliary addresses that nobody shares any more. */
export function withoutShared(record: PoolRecord, gone: readonly string[]): PoolRecord {
  const { gateway, ...rest } = record
  const aux = record.aux.filter(text => !gone.includes(text))
  return gateway && !gone.includes(gateway.address) ? { ...rest, gateway, aux } : { ...rest, aux }
}

/** The subnets of the segment that `subnet` overlaps with, itself left out. */
export function overlapping({ subnets }: SegmentRecord, subnet: Subnet): Subnet[] {
  return subnets
    .map(parseSubnet)
    .filter(other => overlap(other, subnet) && formatSubnet(other) !== formatSubnet(subnet))
}

/** The first subnet of `length` inside `base` that overlaps with none of `taken`, or undefined. */
export function firstGap(
  base: Subnet,
  length: number,
  taken: readonly Subnet[],
): Subnet | undefined {
  const step = size(rangeOf({ ...base, length }))
  for (let at = base.base; at <= rangeOf(base).last;) {
    const subnet: Subnet = { family: base.family, base: at, length }
    const hit = taken.find(other => overlap(other, subnet))
    if (!hit) return subnet
    const behind = rangeOf(hit).last + 1n
    at = ((behind - base.base + step - 1n) / step) * step + base.base
  }
  return undefined
}
