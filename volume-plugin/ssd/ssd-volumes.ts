import { randomBytes, randomUUID } from 'node:crypto'
import { DropConnection } from '../../shared/plugin-server.ts'
import { Refusal } from '../../shared/refusal.ts'
import { within } from '../../shared/within.ts'
import { isAnonymous } from '../volume-name.ts'
import type { VolumeName } from '../volume-name.ts'
import type { Volume, Volumes } from '../volumes.ts'
import type { Choosing } from './choosing.ts'
import { LONGEST_HOST, WIPING } from './claim.ts'
import type { ClaimedVolume, ClaimId } from './claim.ts'
import type { Claims, VolumeClaim } from './claims.ts'
import type { Locks } from './locks.ts'
import type { Mounting } from './mounting.ts'
import { readSsdOptions, sameOptions } from './options.ts'
import type { SsdOptions } from './options.ts'
import type { Orphans } from './orphans.ts'
import type { Presence } from './presence.ts'
import type { Resuming } from './resuming.ts'
import { volumeOf } from './views.ts'

/** The engine's client gives up after 30 s at worst, which is what `docker plugin enable` sets. */
const ANSWER_WITHIN_MS = 22_000

export type SsdParts = {
  readonly claims: Claims
  readonly choosing: Choosing
  readonly resuming: Resuming
  readonly mounting: Mounting
  readonly orphans: Orphans
  readonly presence: Presence
  readonly locks: Locks
  readonly isAnonymousAllowed: boolean
  readonly retainMs: number
  readonly host: string
  readonly boot: string
  /** Why no disk is claimed at all, if so. */
  readonly claimingOff: () => string | undefined
  /** Lets whoever tends to claims look at them now. */
  readonly tendSoon: () => void
}

/** Volumes that are each a whole disk of this host. */
export class SsdVolumes implements Volumes {
  readonly scope = 'local'
  readonly #parts: SsdParts
  readonly #creating = new Map<VolumeName, Promise<void>>()

  constructor(parts: SsdParts) {
    this.#parts = parts
  }

  async create(name: VolumeName, given: Readonly<Record<string, string>>): Promise<void> {
    const options = readSsdOptions(given)
    if (isAnonymous(name) && !this.#parts.isAnonymousAllowed) throw anonymousRefused()
    if (this.#isThere(name, options)) return
    const job =
      this.#creating.get(name) ??
      this.#parts.locks
        .named(name, async () => await this.#make(name, options))
        .finally(() => this.#creating.delete(name))
    this.#creating.set(name, job)
    const made = job.then(() => true)
    if (!(await within(made, ANSWER_WITHIN_MS))) {
      throw new Refusal(
        'deadline',
        `The disk for the volume ${name} is still being formatted: create it again in a while, and it is there`,
      )
    }
    this.#isThere(name, options)
  }

  async remove(name: VolumeName): Promise<void> {
    const { locks, claims, mounting, retainMs } = this.#parts
    this.#refuseUnknown(name)
    await locks.named(name, async () => {
      const claim = claims.ready(name)
      if (!claim) return
      const settled = await mounting.settle(claim)
      if (settled.inUse) {
        throw new Refusal('volume-in-use', `The volume ${name} is in use: ${settled.why}`)
      }
      try {
        const keepMs = claim.volume.options.retainMs ?? retainMs
        const since = new Date().toISOString()
        const parked = { is: 'parked', since, keepMs, keptMs: 0 } as const
        await claims.become(claim, keepMs === 0 ? WIPING : parked)
      } finally {
        await settled.hold?.release()
      }
    })
    this.#parts.tendSoon()
  }

  async mount(name: VolumeName, id: string, caller: AbortSignal): Promise<string> {
    const { locks, claims, mounting } = this.#parts
    this.#refuseUnknown(name)
    const late = new AbortController()
    const job = locks.named(name, async () => {
      const claim = claims.ready(name)
      if (!claim) throw new Refusal('unknown-volume', `There is no volume ${name}`)
      return await mounting.mount(claim, id, AbortSignal.any([caller, late.signal]))
    })
    const root = await within(job, ANSWER_WITHIN_MS)
    if (root !== undefined) return root
    late.abort()
    throw new Refusal(
      'deadline',
      `The volume ${name} is still being mounted; its file system may be repairing itself: try again in a while`,
    )
  }

  async unmount(name: VolumeName, id: string): Promise<void> {
    const { locks, claims, mounting } = this.#parts
    await locks.named(name, async () => {
      const claim = claims.ready(name)
      if (claim) await mounting.unmount(claim, id)
    })
  }

  async get(name: VolumeName): Promise<Volume | undefined> {
    const claim = this.#parts.claims.ready(name)
    if (claim) return volumeOf(claim, this.#parts)
    if (this.#isUnknown(name)) throw new DropConnection(unknownText(name))
    if (!this.#parts.orphans.isComplete) throw new DropConnection(LOOKING)
    return undefined
  }

  async list(): Promise<readonly Pick<Volume, 'name' | 'mountpoint'>[]> {
    const { claims, mounting } = this.#parts
    const [lost] = claims.missing
    if (lost) throw new DropConnection(unknownText(lost.name))
    return claims.allReady().map(({ id, volume }) => ({
      name: volume.name,
      mountpoint: mounting.rootOf(id),
    }))
  }

  /** @throws {Refusal} `volume-exists` where the name stands for something else */
  #isThere(name: VolumeName, options: SsdOptions): boolean {
    this.#refuseUnknown(name)
    const claim = this.#parts.claims.named(name)
    if (!claim) return false
    if (claim.state.is === 'parked') {
      throw new Refusal(
        'volume-exists',
        `A volume ${name} was removed, and its data is still kept: berth volume restore ${name} brings it back, berth volume wipe ${name} destroys it`,
      )
    }
    if (!sameOptions(claim.volume.options, options)) {
      throw new Refusal('volume-exists', `The volume ${name} exists with other options`)
    }
    return claim.state.is === 'ready'
  }

  async #make(name: VolumeName, options: SsdOptions): Promise<void> {
    const { choosing, resuming, claims } = this.#parts
    const begun = claims.named(name)
    if (begun) return await this.#finish(begun)
    const off = this.#parts.claimingOff()
    if (off !== undefined) throw new Refusal('claiming-off', `No disk is claimed: ${off}`)
    const { claim, hold } = await choosing.claim(this.#newClaim(name, options))
    try {
      await resuming.make(claim, hold, { do: 'mark' })
    } finally {
      await hold.release()
    }
  }

  /** What an earlier attempt began. */
  async #finish(begun: VolumeClaim): Promise<void> {
    const { resuming, claims } = this.#parts
    await resuming.resume(begun)
    if (claims.get(begun.id)?.state.is === 'ready') return
    const why = resuming.problemOf(begun.id) ?? 'its disk was given up: try again'
    throw new Refusal('disk-failed', `The volume ${begun.volume.name} is not ready: ${why}`)
  }

  #newClaim(name: VolumeName, options: SsdOptions): { id: ClaimId; volume: ClaimedVolume } {
    const { host, boot } = this.#parts
    return {
      id: randomBytes(16).toString('hex') as ClaimId,
      volume: {
        name,
        options,
        created: new Date().toISOString(),
        fsUuid: randomUUID(),
        host: host.slice(0, LONGEST_HOST),
        boot,
      },
    }
  }

  #isUnknown(name: VolumeName): boolean {
    const { claims, orphans } = this.#parts
    return claims.missing.some(each => each.name === name) || orphans.hasNamed(name)
  }

  #refuseUnknown(name: VolumeName): void {
    if (this.#parts.claims.named(name)) return
    if (this.#isUnknown(name)) throw new Refusal('volume-exists', unknownText(name))
    if (!this.#parts.orphans.isComplete) throw new Refusal('not-ready', LOOKING)
  }
}

const LOOKING = 'The disks are still being looked at, one of which does not answer'

const unknownText = (name: string): string =>
  `The volume ${name} exists, but its record was lost: berth disks shows the disks with marks of lost volumes, berth volume adopt takes one back; where the disk is gone too, berth volume forget ${name}`

const anonymousRefused = (): Refusal =>
  new Refusal(
    'bad-request',
    'A volume without a name would take a whole disk: name it (-v NAME:/path), or set SSD_ANONYMOUS=1',
  )
