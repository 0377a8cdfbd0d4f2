import * as v from '@badrap/valita'
import type { Entry } from '../shared/store.ts'
import type { PoolId } from './pool-id.ts'

/** What the store's values say. The version is in the key (`v1/`). */

const poolId = v.string().map(text => text as PoolId)

const used = v.object({
  state: v.literal('used'),
  pool: poolId,
  host: v.string(),
  hostName: v.string(),
  generation: v.number(),
  op: v.string(),
  boot: v.string(),
  mac: v.string().optional(),
  name: v.string().optional(),
  since: v.string(),
})
/** Released; rests until the time `until`, in ms since 1970. */
const idle = v.object({ state: v.literal('idle'), until: v.number() })
/** Gateway or auxiliary address; `pools` are those that would be wrong without it. */
const shared = v.object({ state: v.literal('shared'), pools: v.array(poolId) })

const addressRecord = v.union(used, idle, shared)
export type AddressRecord = v.Infer<typeof addressRecord>
export type UsedRecord = v.Infer<typeof used>

/** `generation`: the host's, when it joined. */
const user = v.object({
  name: v.string(),
  generation: v.number(),
  pools: v.record(v.array(v.string())),
})

/** `users`: by host id, the pools (by id) that this host has of the subnet, each with its exclusions. */
const poolRecord = v.object({
  gateway: v.object({ address: v.string(), by: v.string() }).optional(),
  aux: v.array(v.string()),
  cooldown: v.object({ ms: v.number(), by: v.string() }),
  automatic: v.string().optional(),
  users: v.record(user),
})
export type PoolRecord = v.Infer<typeof poolRecord>

const segmentRecord = v.object({ subnets: v.array(v.string()) })
export type SegmentRecord = v.Infer<typeof segmentRecord>

/**
 * - `generation` is raised by eviction and recovery: what an older one claimed does not count as this host's any more.
 * - `nonce` changes with every write: so a host knows its own, and a copy of it.
 * - `evicted` until the host is back.
 * - `recovery`: how far this host is in the recovery with that id.
 */
const hostRecord = v.object({
  name: v.string(),
  machine: v
    .object({
      product: v.string(),
      macs: v.array(v.string()).map(macs => macs as readonly string[]),
    })
    .optional(),
  generation: v.number(),
  nonce: v.string(),
  evicted: v.boolean().optional(),
  recovery: v
    .object({
      id: v.string(),
      phase: v.union(v.literal('fenced'), v.literal('cleaned'), v.literal('reclaimed')),
    })
    .optional(),
})
export type HostRecord = v.Infer<typeof hostRecord>
export type RecoveryPhase = NonNullable<HostRecord['recovery']>['phase']

/** A sign of life: `beat` counts them, `at` is when, in ms since 1970. */
const seenRecord = v.object({
  nonce: v.string(),
  beat: v.number(),
  at: v.number(),
  version: v.string(),
})
export type SeenRecord = v.Infer<typeof seenRecord>

/**
 * The last recovery; no host allocates but while it is `closed`. `needed`: a host found that the store was set back, and
 * no operator has begun it yet. `number` counts them: a store that was set back has an older one.
 */
const recoveryRecord = v.object({
  id: v.string(),
  number: v.number(),
  state: v.union(v.literal('needed'), v.literal('open'), v.literal('closed')),
  by: v.string(),
  since: v.string(),
})
export type RecoveryRecord = v.Infer<typeof recoveryRecord>

export const readAddress = reader(addressRecord)
export const readPool = reader(poolRecord)
export const readSegment = reader(segmentRecord)
export const readHost = reader(hostRecord)
export const readSeen = reader(seenRecord)
export const readRecovery = reader(recoveryRecord)

type AnyRecord =
  AddressRecord | PoolRecord | SegmentRecord | HostRecord | SeenRecord | RecoveryRecord

export const write = (record: AnyRecord): string => JSON.stringify(record)

/** Every exclusion of a pool, with the name of the host that asked for it. They add up. */
export function exclusionsOf({ users }: PoolRecord): { text: string; by: string }[] {
  return Object.values(users).flatMap(({ name, pools }) =>
    Object.values(pools)
      .flat()
      .map(text => ({ text, by: name })),
  )
}

/** A reader of entries: undefined stays undefined. It throws, naming the key, for a value that is no such record. */
function reader<T>(type: v.Type<T>): {
  (entry: Entry): T
  (entry: Entry | undefined): T | undefined
}
function reader<T>(type: v.Type<T>) {
  return (entry: Entry | undefined): T | undefined => {
    if (!entry) return undefined
    try {
      return type.parse(JSON.parse(entry.value), { mode: 'passthrough' })
    } catch (cause) {
      throw new Error(
        `The record ${entry.key} cannot be read: ${(cause as Error).message}; restore the state from a backup`,
        {
          cause,
        },
      )
    }
  }
}
