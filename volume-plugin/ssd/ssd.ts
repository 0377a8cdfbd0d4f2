import { within } from '../../shared/within.ts'
import { Choosing } from './choosing.ts'
import type { ClaimBook } from './claim-book.ts'
import { Claims } from './claims.ts'
import { Discarding } from './discarding.ts'
import type { Disks } from './disks.ts'
import { Keeping } from './keeping.ts'
import { Locks } from './locks.ts'
import { Making } from './making.ts'
import { MountPoints } from './mount-points.ts'
import { Mounting } from './mounting.ts'
import type { Mounts } from './mounts.ts'
import { Orphans } from './orphans.ts'
import type { Policy } from './policy.ts'
import { Presence } from './presence.ts'
import { Resuming } from './resuming.ts'
import { SsdVolumes } from './ssd-volumes.ts'

const LOOK_FIRST_MS = 3000

export type SsdOrder = {
  readonly disks: Disks
  readonly mounts: Mounts
  readonly book: ClaimBook
  readonly policy: Policy
  readonly isAnonymousAllowed: boolean
  readonly retainMs: number
  /** This host's name, for people who find a disk. */
  readonly host: string
  readonly boot: string
  /** Where volumes are mounted, for the engine to see. */
  readonly mountRoot: string
  /** An empty folder, seen by nobody else. */
  readonly peekAt: string
  /** Why no disk is claimed, if so. */
  readonly claimingOff: () => string | undefined
  readonly stop: AbortSignal
}

/** All parts of the volumes on disks. */
export type Ssd = Awaited<ReturnType<typeof startSsd>>

/** Takes up what an earlier process left: what is in the middle is gone on with behind the first answers. */
export async function startSsd(order: SsdOrder) {
  const { disks, mounts, book, policy, stop } = order
  const remembered = await book.load()
  const claims = new Claims(book, remembered)
  await dropRepeatedIntents(claims)
  const locks = new Locks()
  const choosing = new Choosing(disks, claims, policy, locks)
  const mountPoints = new MountPoints(order.mountRoot, mounts)
  const resuming = new Resuming(disks, claims, new Making(claims, mountPoints), stop)
  const mounting = new Mounting(disks, mountPoints, book, remembered.mounts)
  const orphans = new Orphans({ ...order, choosing, claims, locks })
  const presence = new Presence(disks)
  const keeping = new Keeping(claims, mounting, resuming, locks, performance.now())
  const discarding = new Discarding(disks, claims, choosing, locks)
  await presence.refresh()
  await mounting.begin(claims.allReady())
  // A disk that hangs must not hold up the volumes of the others.
  await within(orphans.begin(), LOOK_FIRST_MS)
  const tend = async (): Promise<void> => {
    await presence.refresh()
    await keeping.tend(performance.now())
  }
  const tendSoon = (): void => void tend().catch(() => {})
  const known = { claims, locks, choosing, resuming, mounting, orphans, presence }
  const parts = { ...order, ...known, tendSoon }
  const idle = async (): Promise<void> => await keeping.idle()
  return { ...parts, keeping, discarding, tend, idle, volumes: new SsdVolumes(parts) }
}

/**
 * Where nobody knew whether an intent was written, its disk was chosen again: the intent that did come to be written has
 * touched nothing.
 */
async function dropRepeatedIntents(claims: Claims): Promise<void> {
  for (const { id, key, state } of claims.all()) {
    const others = claims.all().filter(other => other.key === key && other.id !== id)
    if (state.is === 'intent' && others.length > 0) await claims.remove(id)
  }
}
