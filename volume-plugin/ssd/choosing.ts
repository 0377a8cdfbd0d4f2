import { Refusal } from '../../shared/refusal.ts'
import type { ClaimedVolume, ClaimId } from './claim.ts'
import type { Claims, VolumeClaim } from './claims.ts'
import { labelsOf } from './disk-labels.ts'
import { keyOf } from './disk.ts'
import type { Disk, DiskKey } from './disk.ts'
import type { Disks, Hold } from './disks.ts'
import {
  foundBusy,
  foundContent,
  foundSignatures,
  reasonsAgainst,
  unreadable,
} from './eligibility.ts'
import type { Reason, ReasonCode } from './eligibility.ts'
import { bySize, noFreeDisk, notAsked } from './fitting.ts'
import type { Considered } from './fitting.ts'
import type { Locks } from './locks.ts'
import type { SsdOptions } from './options.ts'
import type { Policy } from './policy.ts'

/** Finds the disk for a volume. One at a time: of two that see the same disk free, the second must see it taken. */
export class Choosing {
  readonly #disks: Disks
  readonly #claims: Claims
  readonly #policy: Policy
  readonly #locks: Locks

  constructor(disks: Disks, claims: Claims, policy: Policy, locks: Locks) {
    this.#disks = disks
    this.#claims = claims
    this.#policy = policy
    this.#locks = locks
  }

  /** Every disk, with all that speaks against it before it is opened. */
  async consider(): Promise<readonly Considered[]> {
    const all = await this.#disks.list()
    const world = {
      all,
      policy: this.#policy,
      claims: this.#claims.all(),
      labels: (key: DiskKey) => this.#claims.labels(key),
    }
    return all.map(disk => ({ disk, reasons: reasonsAgainst(disk, world) }))
  }

  /**
   * @param bearable codes of reasons that are no obstacle to it
   * @throws {Refusal} `disk-busy` with every other reason
   */
  async refuseUnfit(disk: Disk, to: 'adopted' | 'wiped', bearable: readonly ReasonCode[]) {
    const against = (await this.consider())
      .flatMap(each => (each.disk.name === disk.name ? each.reasons : []))
      .filter(({ code }) => !bearable.includes(code))
    if (against.length === 0) return
    const why = against.map(({ text }) => text).join('; ')
    throw new Refusal('disk-busy', `${disk.node} cannot be ${to}: ${why}`)
  }

  /**
   * Takes the smallest free disk that fits: proved blank under an exclusive hold, and in the journal as an intent.
   *
   * @throws {Refusal} `no-free-disk` with each disk that was passed over and why
   */
  async claim(wanted: { id: ClaimId; volume: ClaimedVolume }) {
    return await this.#locks.choosing(async () => await this.#claim(wanted))
  }

  async #claim({ id, volume }: { id: ClaimId; volume: ClaimedVolume }) {
    const passedOver: Considered[] = []
    for (const { disk, reasons } of bySize(await this.consider())) {
      const key = keyOf(disk.identity)
      const against = [...reasons, ...this.#unasked(disk, volume.options)]
      if (against.length > 0 || !key) {
        passedOver.push({ disk, reasons: against })
        continue
      }
      const hold = await this.#disks.hold(disk)
      const found = hold.held ? await contentOf(hold) : [foundBusy(hold.why)]
      // Whoever may have taken it since it was considered did so under a hold, and so before this one.
      if (this.#claims.ofDisk(key)) found.push(foundBusy('it was just taken'))
      if (!hold.held || found.length > 0) {
        passedOver.push({ disk, reasons: found })
        if (hold.held) await hold.release()
        continue
      }
      return await this.#intend(hold, {
        id,
        key,
        identity: disk.identity,
        volume,
        state: { is: 'intent' },
      })
    }
    throw new Refusal('no-free-disk', noFreeDisk(volume.name, volume.options, passedOver))
  }

  #unasked(disk: Disk, options: SsdOptions): readonly Reason[] {
    const own = this.#claims.labels(keyOf(disk.identity))
    return notAsked(disk, options, labelsOf(disk, own))
  }

  async #intend(hold: Hold, claim: VolumeClaim): Promise<{ claim: VolumeClaim; hold: Hold }> {
    try {
      return { claim: await this.#claims.put(claim), hold }
    } catch (error) {
      await hold.release()
      throw error
    }
  }
}

/** What is on a held disk: nothing, where it may be taken. */
export async function contentOf(hold: Hold): Promise<Reason[]> {
  try {
    const signatures = await hold.signatures()
    if (signatures.length > 0) return [foundSignatures(signatures)]
    const at = await hold.content()
    return at === undefined ? [] : [foundContent(at)]
  } catch (error) {
    return [unreadable(error)]
  }
}
