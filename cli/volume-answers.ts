import * as v from '@badrap/valita'

/** What the volume plugin's admin API answers, as far as this command reads it. */

export const volumeSelf = v.object({
  state: v.string(),
  reason: v.string().optional(),
  /** Why no disk is taken for a new volume, if none is. */
  claiming: v.object({ on: v.boolean(), why: v.string().optional() }),
  /** Volumes whose record was lost. */
  missing: v.array(v.object({ id: v.string(), name: v.string() })),
})
export type VolumeSelf = v.Infer<typeof volumeSelf>

const volume = v.object({
  name: v.string(),
  /** Its id, for people who find the disk. */
  claim: v.string(),
  state: v.string(),
  problem: v.string().optional(),
  /** ISO time */
  created: v.string(),
  /** In bytes. */
  size: v.number(),
  fsUuid: v.string(),
  mountpoint: v.string().optional(),
  /** How often each of the engine's mount ids has it mounted. */
  mounts: v.record(v.number()),
  options: v.record(v.string()),
  labels: v.record(v.string()),
  parked: v.object({ since: v.string(), leftMs: v.number() }).optional(),
  /** Up to which byte the disk is blank. */
  wiping: v.object({ part: v.string(), offset: v.number() }).optional(),
  disk: v.object({
    key: v.string(),
    /** Today's name; none while the disk is not there. */
    device: v.string().optional(),
    model: v.string(),
    serial: v.string(),
    wwid: v.string(),
    size: v.number(),
  }),
})
export type Volume = v.Infer<typeof volume>
export const volumes = v.object({ volumes: v.array(volume) })
export const oneVolume = v.object({ volume })
export const forgotten = v.object({ id: v.string(), name: v.string() })

const disk = v.object({
  /** What stays the same of it; none where Berth could mistake it for another. */
  key: v.string().optional(),
  /** `nvme0n1` */
  device: v.string(),
  /** `/dev/nvme0n1` */
  node: v.string(),
  model: v.string(),
  serial: v.string(),
  wwid: v.string(),
  size: v.number(),
  transport: v.string(),
  labels: v.record(v.string()),
  state: v.string(),
  volume: v.object({ name: v.string(), state: v.string(), claim: v.string() }).optional(),
  reasons: v.array(v.object({ code: v.string(), text: v.string() })),
})
export type Disk = v.Infer<typeof disk>
export const disks = v.object({ disks: v.array(disk) })
export const oneDisk = v.object({ disk })
