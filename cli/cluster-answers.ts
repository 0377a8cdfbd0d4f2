import * as v from '@badrap/valita'

/** What the cluster plugin's admin API answers, as far as this command reads it. */

const cluster = v.object({
  /** CLUSTER_ROOT, a path of the host. */
  root: v.string(),
  ok: v.boolean(),
  /** Of the file system that is there; none before `berth cluster init`. */
  id: v.string().optional(),
  /** Of the one that the store knows. */
  storeId: v.string().optional(),
  /** Where the plugin sees it. */
  at: v.string().optional(),
  type: v.string().optional(),
  source: v.string().optional(),
  /** Why it cannot be used, if it cannot. */
  why: v.string().optional(),
})
export const clusterView = cluster
export type ClusterView = v.Infer<typeof cluster>

export const clusterSelf = v.object({
  host: v.string(),
  name: v.string(),
  state: v.string(),
  reason: v.string().optional(),
  cluster,
  store: v.object({ ok: v.boolean(), why: v.string().optional() }),
})
export type ClusterSelf = v.Infer<typeof clusterSelf>

const user = v.object({
  /** Its id. */
  host: v.string(),
  name: v.string(),
  /** ISO time */
  since: v.string(),
  self: v.boolean(),
})
export type User = v.Infer<typeof user>

const clusterVolume = v.object({
  name: v.string(),
  id: v.string(),
  state: v.string(),
  access: v.string(),
  /** Below CLUSTER_ROOT. */
  path: v.string(),
  options: v.record(v.string()),
  /** ISO time */
  created: v.string(),
  createdBy: v.string(),
  users: v.array(user),
  /** What this host has of it; none where it has nothing. */
  here: v
    .object({
      state: v.string(),
      since: v.string(),
      /** How often each of the engine's mount ids has it mounted. */
      mounts: v.record(v.number()),
    })
    .optional(),
  broken: v.object({ host: v.string(), name: v.string(), at: v.string() }).optional(),
  parked: v.object({ since: v.string(), by: v.string(), leftMs: v.number() }).optional(),
  problem: v.string().optional(),
  mountpoint: v.string().optional(),
})
export type ClusterVolume = v.Infer<typeof clusterVolume>
/** `stale`: as this host saw them last, since the store does not answer. */
export const clusterVolumes = v.object({ stale: v.boolean(), volumes: v.array(clusterVolume) })
export type ClusterVolumes = v.Infer<typeof clusterVolumes>
export const oneClusterVolume = v.object({ volume: clusterVolume })

export const lockBroken = v.object({
  volume: clusterVolume,
  from: v.object({ host: v.string(), name: v.string(), since: v.string() }),
})

/** `made`: it had none before. */
export const clusterMade = v.object({ id: v.string(), made: v.boolean() })
export const clusterAdopted = v.object({})
