import { createHash } from 'node:crypto'

declare const brand: unique symbol
/** What a disk is known by in every record: a hash of its identity, the same whatever the kernel names it today. */
export type DiskKey = string & { readonly [brand]: 'DiskKey' }

/** What stays the same of a disk when it is plugged in elsewhere. A loop device's is its backing file. */
export type DiskIdentity = {
  /** World wide name, as the kernel writes it: `naa.…`, `eui.…`, `t10.…`; empty where it has none. */
  readonly wwid: string
  readonly serial: string
  readonly model: string
  /** In bytes. */
  readonly size: number
}

/** A disk as the kernel shows it, without opening it. */
export type Disk = {
  /** `nvme0n1`: today's name. */
  readonly name: string
  /** `/dev/nvme0n1`. */
  readonly node: string
  /** Paths of the symbolic links to the node, such as those in `/dev/disk/by-id`. */
  readonly links: readonly string[]
  /** `259:0`: major and minor number. */
  readonly device: string
  /** Grows each time that a device is attached; undefined on kernels without it. */
  readonly attachment: string | undefined
  readonly identity: DiskIdentity
  /** A loop device: its backing file. */
  readonly backingFile: string | undefined
  /** `nvme`, `sata`, `sas`, `usb`, `virtio`, `loop`; empty where it cannot be told. */
  readonly transport: string
  /** -1 where the kernel knows none. */
  readonly numaNode: number
  readonly isReadOnly: boolean
  readonly isRemovable: boolean
  readonly isHidden: boolean
  readonly isRotational: boolean
  readonly isZoned: boolean
  /** `running`, `live`, …; empty where the driver has no such word. */
  readonly state: string
  /** Devices built upon it: device mapper, RAID. */
  readonly holders: readonly string[]
  readonly partitions: readonly string[]
  /** Where it, or a partition of it, is mounted, as far as this mount namespace shows. */
  readonly mountPoints: readonly string[]
  /** Whether it, or a partition of it, is swapped to. */
  readonly isSwap: boolean
}

/** @returns undefined for a disk that has neither a world wide name nor a serial number: it could be mistaken */
export function keyOf(identity: DiskIdentity): DiskKey | undefined {
  const { wwid, serial, model, size } = identity
  if (!wwid && !serial) return undefined
  const text = [wwid, serial, model, String(size)].join('|')
  return createHash('sha256').update(text).digest('hex').slice(0, 32) as DiskKey
}
