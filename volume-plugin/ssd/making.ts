import { Refusal } from '../../shared/refusal.ts'
import { labelOf } from './claim.ts'
import { fill } from './claim-file.ts'
import type { Claims, VolumeClaim } from './claims.ts'
import type { Disk } from './disk.ts'
import type { Hold } from './disks.ts'
import { isOurs, markOf } from './looking.ts'
import { compareMark, encodeMark, MARK_AT, MARK_BYTES } from './mark.ts'
import type { MountPoints } from './mount-points.ts'
import { decodeSuperblock, SUPERBLOCK_BYTES } from './superblock.ts'

/**
 * The steps from a held, blank disk to a volume, each in the journal before the next is taken. Whoever dies between two
 * leaves what `decide` reads from the disk and the journal.
 */
export class Making {
  readonly #claims: Claims
  readonly #mountPoints: MountPoints

  constructor(claims: Claims, mountPoints: MountPoints) {
    this.#claims = claims
    this.#mountPoints = mountPoints
  }

  /** For a claim that is in the journal as an intent, on a disk that was proved blank under this hold. */
  async mark(claim: VolumeClaim, hold: Hold): Promise<VolumeClaim> {
    await hold.write(MARK_AT, encodeMark(markOf(claim.id, claim.volume)))
    return await this.#claims.become(claim, { is: 'marked' })
  }

  /** @param force only over what was proved to be ours */
  async format(claim: VolumeClaim, hold: Hold, force: boolean): Promise<VolumeClaim> {
    const { id, volume } = claim
    const formatting = await this.#claims.become(claim, { is: 'formatting' })
    // A first mkfs may have got further than a second one will.
    if (force) await hold.write(MARK_AT, encodeMark(markOf(id, volume)))
    const { fsUuid: uuid, options } = volume
    await hold.format({ uuid, label: labelOf(id), force, options: options.mkfs })
    const mark = await hold.read(MARK_AT, MARK_BYTES)
    if (compareMark(mark, markOf(id, volume)) !== 'ours') {
      throw new Refusal('disk-failed', `The mark of ${volume.name} is not on ${hold.disk.node}`)
    }
    const made = decodeSuperblock(await hold.read(0, SUPERBLOCK_BYTES))
    if (!isOurs(made, claim) || made?.inProgress !== false) {
      throw new Refusal(
        'disk-failed',
        `mkfs.xfs ended well on ${hold.disk.node}, but its file system is not there`,
      )
    }
    return await this.#claims.become(formatting, { is: 'formatted' })
  }

  /**
   * A claim's file system that was filled is never made anew, whatever the journal says: it is older than the disk then.
   */
  async believeDisk(claim: VolumeClaim, disk: Disk): Promise<VolumeClaim> {
    const isFilled = await this.#mountPoints.isFilled(claim, disk)
    return isFilled ? await this.#claims.become(claim, { is: 'formatted' }) : claim
  }

  /** Unmounts what a process that died while it prepared the volume left: nobody else knows of it. */
  async letGo(claim: VolumeClaim): Promise<void> {
    await this.#unmount(claim)
  }

  /** The disk stays locked: of several plugins on a host, none looks at it while it is to be mounted. */
  async prepare(claim: VolumeClaim, hold: Hold): Promise<VolumeClaim> {
    const { disk } = hold
    await hold.letMount()
    const at = await this.#mountPoints.mount(claim, disk)
    try {
      await fill(at, claim)
    } finally {
      await this.#unmount(claim)
    }
    return await this.#claims.become(claim, { is: 'ready' })
  }

  async #unmount({ id }: VolumeClaim): Promise<void> {
    if ((await this.#mountPoints.unmount(id)) !== 'busy') return
    const why = `A process on the host has a file open in ${this.#mountPoints.of(id)}`
    throw Object.assign(new Error(why), { code: 'EBUSY' })
  }
}
