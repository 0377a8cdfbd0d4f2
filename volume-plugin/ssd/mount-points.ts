import { join } from 'node:path'
import { Refusal } from '../../shared/refusal.ts'
import { isSystemError } from '../../shared/system-error.ts'
import type { ClaimId } from './claim.ts'
import { readClaimFile } from './claim-file.ts'
import type { VolumeClaim } from './claims.ts'
import type { Disk } from './disk.ts'
import type { Mounted, Mounts } from './mounts.ts'

/** mount(8) where XFS finds that its metadata make no sense (EUCLEAN). */
const DAMAGED = 'Structure needs cleaning'

/** The folders on which claims are mounted, named by claim and never by volume, below the one that the engine shows to containers. */
export class MountPoints {
  readonly #root: string
  readonly #mounts: Mounts

  constructor(root: string, mounts: Mounts) {
    this.#root = root
    this.#mounts = mounts
  }

  of(id: ClaimId): string {
    return join(this.#root, id)
  }

  /** Whether it is the claim's own file system, on that disk and sound, that is there. */
  async isMounted(claim: VolumeClaim, disk: Disk): Promise<boolean> {
    const there = await this.mounted(claim.id)
    if (there?.device !== disk.device || there.type !== 'xfs' || there.isReadOnly) return false
    return await requireOwn(there.at, claim).then(
      () => true,
      () => false,
    )
  }

  async mounted(id: ClaimId): Promise<Mounted | undefined> {
    const at = this.of(id)
    return (await this.all()).find(each => each.at === at)
  }

  /** What is mounted anywhere. */
  async all(): Promise<readonly Mounted[]> {
    return await this.#mounts.list()
  }

  /** @throws {Refusal} `not-mounted`, unless it is the claim's own file system, on that disk, that is there */
  async mount(claim: VolumeClaim, disk: Disk): Promise<string> {
    const at = this.of(claim.id)
    await this.#mounts.mount(disk, at, claim.volume.options.mount)
    try {
      await requireOwn(at, claim)
      return at
    } catch (error) {
      await this.unmount(claim.id)
      throw error
    }
  }

  /**
   * Whether the file system on the disk was once filled for the claim, looked at without a write: it may hold data.
   *
   * @throws {Refusal} `not-mounted`, where it cannot be told
   */
  async isFilled(claim: VolumeClaim, disk: Disk): Promise<boolean> {
    const at = this.of(claim.id)
    try {
      await this.#mounts.mount(disk, at, ['ro', 'norecovery'])
    } catch (error) {
      // It was never whole: the disk lost writes of mkfs.
      if (error instanceof Refusal && error.message.includes(DAMAGED)) return false
      throw error
    }
    try {
      return (await readClaimFile(at)).id === claim.id
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return false
      throw error
    } finally {
      await this.unmount(claim.id)
    }
  }

  async unmount(id: ClaimId): Promise<'unmounted' | 'busy' | 'not-mounted'> {
    return await this.#mounts.unmount(this.of(id))
  }
}

/** A file system that was just made has no file of ours yet. */
async function requireOwn(at: string, claim: VolumeClaim): Promise<void> {
  try {
    const { id } = await readClaimFile(at)
    if (id === claim.id) return
    throw new Refusal('not-mounted', `The disk of ${claim.volume.name} carries the claim ${id}`)
  } catch (error) {
    if (claim.state.is === 'formatted' && isSystemError(error, 'ENOENT')) return
    if (error instanceof Refusal) throw error
    throw new Refusal(
      'not-mounted',
      `The file that tells whose file system it is cannot be read: ${(error as Error).message}`,
      { cause: error },
    )
  }
}
