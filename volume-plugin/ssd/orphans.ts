import { Refusal } from '../../shared/refusal.ts'
import { volumeName } from '../volume-name.ts'
import type { VolumeName } from '../volume-name.ts'
import type { Choosing } from './choosing.ts'
import type { Claim, ClaimedVolume } from './claim.ts'
import { readClaimFile } from './claim-file.ts'
import type { Claims, VolumeClaim } from './claims.ts'
import { keyOf } from './disk.ts'
import type { Disk, DiskKey } from './disk.ts'
import type { Disks } from './disks.ts'
import { isThere } from './finding.ts'
import type { Locks } from './locks.ts'
import { decodeMark, MARK_AT, MARK_BYTES } from './mark.ts'
import type { Mounts } from './mounts.ts'
import { decodeSuperblock, SUPERBLOCK_BYTES } from './superblock.ts'

/** A disk with a volume of Berth's on it, and no record of it: the state was lost, or the disk comes from another host. */
export type Orphan = {
  readonly disk: Disk
  /** The volume; undefined where its making was never finished. */
  readonly name: string | undefined
}

const LABEL = /^berth-/

export class Orphans {
  readonly #disks: Disks
  readonly #mounts: Mounts
  readonly #choosing: Choosing
  readonly #claims: Claims
  readonly #locks: Locks
  readonly #peekAt: string
  readonly #found = new Map<DiskKey, Orphan>()
  #isComplete = false

  /** @param peekAt where a disk may be mounted to be looked at, seen by nobody else */
  constructor(parts: {
    readonly disks: Disks
    readonly mounts: Mounts
    readonly choosing: Choosing
    readonly claims: Claims
    readonly locks: Locks
    readonly peekAt: string
  }) {
    this.#disks = parts.disks
    this.#mounts = parts.mounts
    this.#choosing = parts.choosing
    this.#claims = parts.claims
    this.#locks = parts.locks
    this.#peekAt = parts.peekAt
  }

  /** Whether all disks have been looked at, once. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  hasNamed(name: VolumeName): boolean {
    return Array.from(this.#found.values()).some(orphan => orphan.name === name)
  }

  of(key: DiskKey): Orphan | undefined {
    return this.#found.get(key)
  }

  /** The first look, behind a process that may have died in the middle of one. */
  async begin(): Promise<void> {
    await this.#mounts.unmount(this.#peekAt)
    await this.scan()
  }

  /**
   * Looks at every disk that could be taken. What cannot be read is nobody's orphan, and free to nobody; but what was an
   * orphan once exists, also where its disk cannot be looked at any more.
   */
  async scan(): Promise<void> {
    await this.#locks.peeking(async () => {
      for (const { disk, reasons } of await this.#choosing.consider()) {
        const key = keyOf(disk.identity)
        if (key && reasons.length === 0) await this.#update(key, disk)
        else if (key && this.#claims.ofDisk(key)) this.#found.delete(key)
      }
      this.#isComplete = true
    })
  }

  async #update(key: DiskKey, disk: Disk): Promise<void> {
    try {
      const orphan = await this.#lookAt(disk)
      if (orphan) this.#found.set(key, orphan)
      else this.#found.delete(key)
    } catch {
      // As it was known.
    }
  }

  /**
   * Takes the volume on a disk for this host's own, as its own file describes it.
   *
   * @throws {Refusal} where there is none, or its name or its claim is taken
   */
  async adopt(disk: Disk, key: DiskKey): Promise<VolumeClaim> {
    const adopt = async () => await this.#adopt(disk, key)
    return await this.#locks.peeking(async () => await this.#locks.disk(key, adopt))
  }

  async #adopt(disk: Disk, key: DiskKey): Promise<VolumeClaim> {
    await this.#choosing.refuseUnfit(disk, 'adopted', ['claimed'])
    const read = await this.#readOwn(disk)
    const { name } = read.volume
    return await this.#locks.named(name, async () => {
      const before = this.#claims.get(read.id)
      const isElsewhere = before !== undefined && before.key !== key
      const isCopy = isElsewhere && (await isThere(this.#disks, before.key))
      this.#refuseTaken(disk, key, read, isCopy)
      const aside = this.#claims.ofDisk(key)
      const adopted: VolumeClaim = { ...read, key, identity: disk.identity, state: { is: 'ready' } }
      await this.#claims.put(adopted)
      if (aside && aside.id !== adopted.id) await this.#claims.remove(aside.id)
      this.#found.delete(key)
      return adopted
    })
  }

  #refuseTaken(disk: Disk, key: DiskKey, { id, volume }: VolumeClaim, isCopy: boolean): void {
    const refuse = (why: string) => {
      throw new Refusal('volume-exists', `${disk.node} carries the volume ${volume.name}; ${why}`)
    }
    if (isCopy) refuse('it is a copy: the disk of that volume is there too')
    const named = this.#claims.named(volume.name)
    if (named && named.id !== id) refuse('this host has another one of that name')
    const before = this.#claims.get(id)
    if (before && !isSame(before, volume)) refuse(`this host has that claim, ${before.state.is}`)
    const owner = this.#claims.ofDisk(key)
    if (owner && owner.id !== id && owner.state.is !== 'quarantined') {
      refuse(`the disk belongs to ${owner.volume?.name ?? 'a wipe'} (${owner.state.is})`)
    }
  }

  async #lookAt(disk: Disk): Promise<Orphan | undefined> {
    const superblock = decodeSuperblock(await this.#disks.read(disk, 0, SUPERBLOCK_BYTES))
    const mark = decodeMark(await this.#disks.read(disk, MARK_AT, MARK_BYTES))
    if (superblock && mark?.fsUuid === superblock.uuid && !superblock.inProgress) {
      return { disk, name: volumeName(mark.volume) }
    }
    if (superblock && LABEL.test(superblock.label) && !superblock.inProgress) {
      return { disk, name: (await this.#readOwn(disk)).volume.name }
    }
    return mark && !superblock ? { disk, name: undefined } : undefined
  }

  /** From the file on the disk, which is mounted for that without a write. */
  async #readOwn(disk: Disk): Promise<VolumeClaim> {
    // Somebody may have been in it when it was to be left.
    await this.#mounts.unmount(this.#peekAt)
    await this.#mounts.mount(disk, this.#peekAt, ['ro', 'norecovery'])
    try {
      const claim = await readClaimFile(this.#peekAt)
      const superblock = decodeSuperblock(await this.#disks.read(disk, 0, SUPERBLOCK_BYTES))
      if (claim.volume.fsUuid === superblock?.uuid) return claim
      throw new Error('its file names another file system')
    } catch (cause) {
      throw new Refusal(
        'unknown-volume',
        `There is no volume of Berth's on ${disk.node}: ${(cause as Error).message}`,
        { cause },
      )
    } finally {
      await this.#mounts.unmount(this.#peekAt)
    }
  }
}

/** Nothing of it has been wiped, and the disk tells of the same volume. */
function isSame({ volume, state }: Claim, { name, fsUuid }: ClaimedVolume): boolean {
  return state.is !== 'wiping' && volume?.name === name && volume.fsUuid === fsUuid
}
