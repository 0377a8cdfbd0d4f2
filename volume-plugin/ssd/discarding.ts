import { randomBytes } from 'node:crypto'
import { Refusal } from '../../shared/refusal.ts'
import type { Choosing } from './choosing.ts'
import { HEAD_BYTES } from './claim.ts'
import type { Claim, ClaimId } from './claim.ts'
import type { Claims } from './claims.ts'
import type { Disk, DiskKey } from './disk.ts'
import type { Disks } from './disks.ts'
import type { ReasonCode } from './eligibility.ts'
import type { Locks } from './locks.ts'
import { hashStart } from './looking.ts'

/** What is no obstacle to a wipe: it is what the wipe is for. */
const WIPED: readonly ReasonCode[] = ['partitions', 'claimed']

/**
 * An operator's word that whatever is on a disk may go, given by typing its serial number: for a disk that may be claimed,
 * is used by nobody, and belongs to no volume.
 */
export class Discarding {
  readonly #disks: Disks
  readonly #locks: Locks
  readonly #claims: Claims
  readonly #choosing: Choosing

  constructor(disks: Disks, claims: Claims, choosing: Choosing, locks: Locks) {
    this.#disks = disks
    this.#locks = locks
    this.#claims = claims
    this.#choosing = choosing
  }

  /** Writes it down; the wipe itself is done by whoever tends to claims. */
  async begin(disk: Disk, key: DiskKey, typed: string): Promise<void> {
    await this.#locks.disk(key, async () => await this.#begin(disk, key, typed))
  }

  async #begin(disk: Disk, key: DiskKey, typed: string): Promise<void> {
    const { wwid, serial } = disk.identity
    const expected = serial || wwid
    if (typed !== expected && typed !== disk.backingFile) {
      throw new Refusal('bad-request', `"${typed}" is not the serial number of ${disk.node}`)
    }
    this.#refuseClaimed(disk, key)
    await this.#choosing.refuseUnfit(disk, 'wiped', WIPED)
    const hold = await this.#disks.hold(disk)
    if (!hold.held) throw new Refusal('disk-busy', `${disk.node} cannot be wiped: ${hold.why}`)
    try {
      const claim = this.#refuseClaimed(disk, key)
      const state = {
        is: 'wiping',
        part: 'body',
        offset: 0,
        head: await hashStart(hold, HEAD_BYTES),
      } as const
      const { identity } = disk
      const made = { id: randomBytes(16).toString('hex') as ClaimId, key, identity }
      await this.#claims.put(claim ? { ...claim, state } : { ...made, volume: undefined, state })
    } finally {
      await hold.release()
    }
  }

  /** @returns a claim in quarantine, if that is what the disk has */
  #refuseClaimed(disk: Disk, key: DiskKey): Claim | undefined {
    const claim = this.#claims.ofDisk(key)
    if (claim && claim.state.is !== 'quarantined') {
      const whose = claim.volume ? `the volume ${claim.volume.name}` : 'a wipe'
      throw new Refusal(
        'disk-busy',
        `${disk.node} belongs to ${whose} (${claim.state.is}): docker volume rm, then berth volume wipe`,
      )
    }
    return claim
  }
}
