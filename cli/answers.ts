import * as v from '@badrap/valita'

/** What the admin API answers, as far as this command reads it. */

const use = v.object({ id: v.string(), state: v.string(), networks: v.number() })
const pool = v.object({
  segment: v.string(),
  subnet: v.string(),
  gateway: v.string().optional(),
  aux: v.array(v.string()),
  exclusions: v.array(v.string()),
  cooldownMs: v.number(),
  hosts: v.array(v.string()),
  /** What this host has of the subnet: a pool for each `--ip-range`. */
  here: v.array(use),
})
export const pools = v.object({ pools: v.array(pool) })
export type Pool = v.Infer<typeof pool>

const address = v.object({
  segment: v.string(),
  address: v.string(),
  state: v.string(),
  pool: v.string().optional(),
  host: v.string().optional(),
  hostName: v.string().optional(),
  mac: v.string().optional(),
  name: v.string().optional(),
  /** ISO time */
  since: v.string().optional(),
  /** Rests until then: ms since 1970 */
  until: v.number().optional(),
  pools: v.array(v.string()).optional(),
})
/** `next`: where the next page begins, if there is one. */
export const addresses = v.object({ addresses: v.array(address), next: v.string().optional() })
export type Address = v.Infer<typeof address>

const host = v.object({
  id: v.string(),
  name: v.string(),
  self: v.boolean(),
  state: v.string(),
  generation: v.number(),
  /** ISO time */
  seen: v.string().optional(),
  version: v.string().optional(),
  recovery: v.string().optional(),
})
export const hosts = v.object({ hosts: v.array(host) })
export type Host = v.Infer<typeof host>

const lost = v.object({ address: v.string(), segment: v.string(), pool: v.string() })
export const self = v.object({
  id: v.string(),
  name: v.string(),
  state: v.string(),
  reason: v.string().optional(),
  queuedReleases: v.number(),
  lost: v.array(lost),
})
export type Self = v.Infer<typeof self>

export const evicted = v.object({
  host: v.string(),
  name: v.string(),
  generation: v.number(),
  addresses: v.number(),
  pools: v.number(),
})

export const adopted = v.object({ id: v.string() })

/** Without a phase: not reached yet. */
const awaited = v.object({ id: v.string(), name: v.string(), phase: v.string().optional() })
export type Awaited = v.Infer<typeof awaited>
export const recoveryStarted = v.object({ id: v.string(), waiting: v.array(awaited) })
export const recovery = v.object({
  open: v.boolean(),
  id: v.string().optional(),
  by: v.string().optional(),
  /** ISO time */
  since: v.string().optional(),
  waiting: v.array(awaited),
})
