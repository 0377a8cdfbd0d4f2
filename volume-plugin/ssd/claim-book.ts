import type { Claim, ClaimId } from './claim.ts'
import type { DiskKey } from './disk.ts'

/** What the plugin must not forget. Claims are on the disk when `put` and `remove` return. */
export interface ClaimBook {
  load(): Promise<Remembered>
  put(claim: Claim): Promise<void>
  remove(id: ClaimId): Promise<void>
  /** How often each mount id has the volume mounted; survives the process, but means nothing after a reboot. */
  putMounts(id: ClaimId, mounts: MountIds): Promise<void>
  putLabels(key: DiskKey, labels: Labels): Promise<void>
}

export type MountIds = Readonly<Record<string, number>>
export type Labels = Readonly<Record<string, string>>

export type Remembered = {
  readonly claims: readonly Claim[]
  /** Of this boot alone. */
  readonly mounts: ReadonlyMap<ClaimId, MountIds>
  readonly labels: ReadonlyMap<DiskKey, Labels>
  /** Volumes that were answered, and of which there is no record any more: the state was lost, all of it or in part. */
  readonly missing: readonly { readonly id: ClaimId; readonly name: string }[]
}
