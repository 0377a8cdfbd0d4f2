import { Refusal } from '../../shared/refusal.ts'
import { isOutage } from '../../shared/store.ts'
import { isSystemError } from '../../shared/system-error.ts'
import { CommandFailed } from '../command.ts'
import type { Claim, ClaimId } from './claim.ts'
import { isVolumeClaim } from './claims.ts'
import type { Claims, VolumeClaim } from './claims.ts'
import type { Disk } from './disk.ts'
import type { Disks, Hold } from './disks.ts'
import { findDisk } from './finding.ts'
import { isOurs, look } from './looking.ts'
import type { Making } from './making.ts'
import { decide } from './recovery.ts'
import type { Decision } from './recovery.ts'
import { decodeSuperblock, SUPERBLOCK_BYTES } from './superblock.ts'
import { wipe } from './wiping.ts'
import type { WipingClaim } from './wiping.ts'

/** Nothing is to be done for these of its own accord. */
const AT_REST: readonly string[] = ['ready', 'parked', 'quarantined']

/** Takes a claim on from whatever its disk and the journal show, after a crash as well as in the ordinary course. */
export class Resuming {
  readonly #disks: Disks
  readonly #claims: Claims
  readonly #making: Making
  readonly #stop: AbortSignal
  /** Why a claim does not get on; it is tried again. */
  readonly #problems = new Map<ClaimId, string>()

  constructor(disks: Disks, claims: Claims, making: Making, stop: AbortSignal) {
    this.#disks = disks
    this.#claims = claims
    this.#making = making
    this.#stop = stop
  }

  problemOf(id: ClaimId): string | undefined {
    return this.#problems.get(id)
  }

  note(id: ClaimId, error: unknown): void {
    this.#problems.set(id, error instanceof Error ? error.message : String(error))
  }

  /** One at a time for each claim. Throws nothing: what stands against it is a claim's problem, or its quarantine. */
  async resume({ id }: Claim): Promise<void> {
    const claim = this.#claims.get(id)
    if (!claim || AT_REST.includes(claim.state.is)) return
    try {
      await this.#resume(claim)
    } catch (error) {
      this.note(id, error)
    }
  }

  async #resume(claim: Claim): Promise<void> {
    const disk = await findDisk(this.#disks, claim.key)
    if (!disk) throw new Error('its disk is not there, or there are two of it')
    const known = isVolumeClaim(claim) ? await this.#lookInside(claim, disk) : claim
    if (known.state.is === 'quarantined') return
    const hold = await this.#disks.hold(disk)
    if (!hold.held) throw new Error(hold.why)
    try {
      await this.#goOn(known, hold)
      this.#problems.delete(claim.id)
    } finally {
      await hold.release()
    }
  }

  async #lookInside(claim: VolumeClaim, disk: Disk): Promise<VolumeClaim> {
    const { is } = claim.state
    if (is !== 'formatting' && is !== 'formatted') return claim
    await this.#making.letGo(claim)
    if (is === 'formatted') return claim
    const superblock = decodeSuperblock(await this.#disks.read(disk, 0, SUPERBLOCK_BYTES))
    if (!isOurs(superblock, claim) || superblock?.inProgress !== false) return claim
    try {
      return await this.#making.believeDisk(claim, disk)
    } catch (error) {
      if (!(error instanceof Refusal) || isPassing(error)) throw error
      const reason = `it may hold data, and cannot be looked into: ${error.message}`
      return await this.#claims.become(claim, { is: 'quarantined', reason })
    }
  }

  /** The claim's steps to the end, under a hold; on a disk that fails, the claim is put in quarantine. */
  async make(claim: VolumeClaim, hold: Hold, first: Decision): Promise<void> {
    try {
      let made = claim
      if (first.do === 'mark') made = await this.#making.mark(made, hold)
      if (first.do !== 'prepare') {
        const force = first.do === 'format' && first.force
        made = await this.#making.format(made, hold, force)
      }
      await this.#making.prepare(made, hold)
    } catch (error) {
      if (isPassing(error)) throw error
      const reason = `it could not be made: ${(error as Error).message}`
      await this.#claims.become(this.#claims.get(claim.id) ?? claim, { is: 'quarantined', reason })
      throw error
    }
  }

  async #wipe(claim: WipingClaim, hold: Hold): Promise<void> {
    try {
      await wipe(this.#claims, claim, hold, this.#stop)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      await this.#claims.become(claim, { is: 'quarantined', reason: error.message })
    }
    await hold.release()
    await this.#disks.forgetPartitions(hold.disk)
  }

  async #goOn(claim: Claim, hold: Hold): Promise<void> {
    const decision = decide(claim.state, await look(hold, claim))
    switch (decision.do) {
      case 'nothing':
        return
      case 'drop':
        await this.#claims.remove(claim.id)
        return
      case 'quarantine':
        await this.#claims.become(claim, { is: 'quarantined', reason: decision.reason })
        return
      case 'wipe':
        if (isWiping(claim)) await this.#wipe(claim, hold)
        return
      case 'mark':
      case 'format':
      case 'prepare':
        if (isVolumeClaim(claim)) await this.make(claim, hold, decision)
        return
      default:
        return decision satisfies never
    }
  }
}

/** Nothing is wrong with the disk: the next attempt goes on where this one ended. */
function isPassing(error: unknown): boolean {
  const isTaken = error instanceof Refusal && error.code === 'disk-busy'
  return (
    isTaken || isOutage(error) || error instanceof CommandFailed || isSystemError(error, 'EBUSY')
  )
}

const isWiping = (claim: Claim): claim is WipingClaim => claim.state.is === 'wiping'
