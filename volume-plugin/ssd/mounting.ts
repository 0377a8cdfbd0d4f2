import { Refusal } from '../../shared/refusal.ts'
import type { ClaimId } from './claim.ts'
import type { ClaimBook, MountIds } from './claim-book.ts'
import { dataOf } from './claim-file.ts'
import type { VolumeClaim } from './claims.ts'
import type { Disk } from './disk.ts'
import type { Disks, Hold } from './disks.ts'
import { findDisk, isThere } from './finding.ts'
import { isOurs } from './looking.ts'
import type { MountPoints } from './mount-points.ts'
import { faultOf } from './recovery.ts'
import { decodeSuperblock, SUPERBLOCK_BYTES } from './superblock.ts'
import { diskText } from './sentences.ts'

/** Nobody uses the volume; held, unless its disk is not there. */
export type Settled =
  | { readonly inUse: false; readonly hold: Hold | undefined }
  | { readonly inUse: true; readonly why: string }

/** Between the answer to Mount and the start of the container nobody holds the volume yet. */
const STARTING_MS = 30_000

const WITHOUT_DISK =
  'containers have it mounted, as far as is known, and its disk is not there to be asked: stop them; if there are none, disable and enable the plugin'

/**
 * Mounts, counted for each id, since the engine uses one id several times (`docker cp` has that of the container). The
 * counts are not trusted: the engine loses ids, so whoever must know asks the kernel (`settle`).
 *
 * One call at a time for each volume.
 */
export class Mounting {
  readonly #disks: Disks
  readonly #mountPoints: MountPoints
  readonly #book: ClaimBook
  readonly #counts: Map<ClaimId, MountIds>
  readonly #mounted = new Set<ClaimId>()
  /** When a mount was answered last, by a clock that is never set. */
  readonly #answered = new Map<ClaimId, number>()

  constructor(
    disks: Disks,
    mountPoints: MountPoints,
    book: ClaimBook,
    counts: ReadonlyMap<ClaimId, MountIds>,
  ) {
    this.#disks = disks
    this.#mountPoints = mountPoints
    this.#book = book
    this.#counts = new Map(counts)
  }

  countsOf(id: ClaimId): MountIds {
    return this.#counts.get(id) ?? {}
  }

  /** The volume's root, where it is mounted as far as this process knows. */
  rootOf(id: ClaimId): string | undefined {
    return this.#mounted.has(id) ? dataOf(this.#mountPoints.of(id)) : undefined
  }

  /** What an earlier process of this boot left mounted. Where nothing is, its counts mean nothing. */
  async begin(claims: readonly VolumeClaim[]): Promise<void> {
    const there = new Set((await this.#mountPoints.all()).map(({ at }) => at))
    for (const { id } of claims) {
      this.#answered.set(id, performance.now())
      if (there.has(this.#mountPoints.of(id))) this.#mounted.add(id)
      else await this.#count(id, {})
    }
  }

  /** @throws {Refusal} `not-mounted`; `caller-gone`, then nothing is counted */
  async mount(claim: VolumeClaim, mountId: string, caller: AbortSignal): Promise<string> {
    const { id } = claim
    await this.#ensureMounted(claim)
    const before = this.countsOf(id)
    const count = Object.hasOwn(before, mountId) ? (before[mountId] ?? 0) : 0
    await this.#count(id, { ...before, [mountId]: count + 1 })
    this.#answered.set(id, performance.now())
    if (caller.aborted) {
      await this.unmount(claim, mountId)
      throw new Refusal('caller-gone', 'Nobody waits for the answer any more: nothing is mounted')
    }
    return dataOf(this.#mountPoints.of(id))
  }

  async unmount(claim: VolumeClaim, mountId: string): Promise<void> {
    const { [mountId]: count = 0, ...others } = this.countsOf(claim.id)
    if (count > 0) {
      await this.#count(claim.id, count > 1 ? { ...others, [mountId]: count - 1 } : others)
    }
    await this.letGo(claim)
  }

  /** Mounted, and nobody has it. */
  isIdle(id: ClaimId): boolean {
    return this.#mounted.has(id) && !this.#isCounted(id)
  }

  /** Unmounts what nobody has mounted. What is busy stays, for a later attempt. */
  async letGo({ id }: VolumeClaim): Promise<void> {
    if (!this.isIdle(id)) return
    if ((await this.#mountPoints.unmount(id)) !== 'busy') this.#mounted.delete(id)
  }

  /**
   * Whether anybody uses the volume, whatever the counts say: its own mount is taken away, which containers do not notice
   * (theirs are private copies), and the disk opened exclusively, which fails while there is any. Then it is mounted again.
   */
  async settle(claim: VolumeClaim): Promise<Settled> {
    const { id } = claim
    if (this.#isStarting(id))
      return { inUse: true, why: 'it was mounted a moment ago: try again in a minute' }
    if ((await this.#mountPoints.unmount(id)) === 'busy') {
      return { inUse: true, why: 'a process on the host has a file of it open' }
    }
    this.#mounted.delete(id)
    const disk = await findDisk(this.#disks, claim.key)
    if (!disk) return await this.#settleWithout(claim)
    const hold = await this.#disks.hold(disk)
    if (hold.held) {
      await this.#count(id, {})
      return { inUse: false, hold }
    }
    if (this.#isCounted(id)) await this.#ensureMounted(claim)
    return { inUse: true, why: hold.why }
  }

  /** A disk that cannot be asked: then the counts are all there is. */
  async #settleWithout({ id, key }: VolumeClaim): Promise<Settled> {
    if (await isThere(this.#disks, key)) {
      return { inUse: true, why: 'there are two of its disk: see berth disks' }
    }
    if (!this.#isCounted(id)) return { inUse: false, hold: undefined }
    return { inUse: true, why: WITHOUT_DISK }
  }

  #isCounted(id: ClaimId): boolean {
    return Object.keys(this.countsOf(id)).length > 0
  }

  #isStarting(id: ClaimId): boolean {
    const answered = this.#answered.get(id)
    if (answered === undefined || !this.#isCounted(id)) return false
    return performance.now() - answered < STARTING_MS
  }

  async #ensureMounted(claim: VolumeClaim): Promise<void> {
    const disk = await this.#requireDisk(claim)
    if (await this.#mountPoints.isMounted(claim, disk)) {
      this.#mounted.add(claim.id)
      return
    }
    const fault = await this.#faultOf(claim, disk)
    if (fault !== undefined) throw this.#refusal(claim, fault)
    if ((await this.#mountPoints.unmount(claim.id)) === 'busy') {
      throw this.#refusal(
        claim,
        'what is mounted there is not its file system any more, and is busy',
      )
    }
    await this.#mountPoints.mount(claim, disk)
    this.#mounted.add(claim.id)
  }

  async #requireDisk(claim: VolumeClaim): Promise<Disk> {
    const disk = await findDisk(this.#disks, claim.key)
    if (disk) return disk
    throw this.#refusal(
      claim,
      `its disk (${diskText(claim.identity)}) is not there, or there are two of it: see berth disks`,
    )
  }

  async #faultOf(claim: VolumeClaim, disk: Disk): Promise<string | undefined> {
    try {
      const superblock = decodeSuperblock(await this.#disks.read(disk, 0, SUPERBLOCK_BYTES))
      return faultOf({ superblock, isOurs: isOurs(superblock, claim) })
    } catch (error) {
      return `its disk ${disk.node} cannot be read: ${(error as Error).message}`
    }
  }

  #refusal({ volume }: VolumeClaim, why: string): Refusal {
    return new Refusal('not-mounted', `The volume ${volume.name} cannot be mounted: ${why}`)
  }

  async #count(id: ClaimId, counts: MountIds): Promise<void> {
    if (Object.keys(counts).length === 0 && !this.#counts.has(id)) return
    await this.#book.putMounts(id, counts)
    if (Object.keys(counts).length > 0) this.#counts.set(id, counts)
    else this.#counts.delete(id)
  }
}
