import type { Choosing } from './choosing.ts'
import { contentOf } from './choosing.ts'
import type { Claims } from './claims.ts'
import { labelsOf } from './disk-labels.ts'
import { keyOf } from './disk.ts'
import type { Disk } from './disk.ts'
import type { Disks } from './disks.ts'
import { foundBusy, foundOrphan } from './eligibility.ts'
import type { Reason } from './eligibility.ts'
import type { Considered } from './fitting.ts'
import type { Locks } from './locks.ts'
import type { Orphans } from './orphans.ts'

type Known = {
  readonly disks: Disks
  readonly claims: Claims
  readonly choosing: Choosing
  readonly orphans: Orphans
  readonly locks: Locks
}

/** Every disk as the operator sees it: free, or every reason why not. Those that may be taken are opened and looked at. */
export async function diskViews(known: Known): Promise<readonly object[]> {
  const views: object[] = []
  for (const considered of await known.choosing.consider()) {
    views.push(await view(known, considered))
  }
  return views
}

export async function diskView(known: Known, { name }: Disk): Promise<object> {
  const all = await known.choosing.consider()
  const considered = all.find(({ disk }) => disk.name === name)
  return considered ? await view(known, considered) : {}
}

async function view(known: Known, { disk, reasons }: Considered): Promise<object> {
  const { name, node, identity, transport } = disk
  const key = keyOf(identity)
  const claim = key && known.claims.ofDisk(key)
  const orphan = key && known.orphans.of(key)
  const found =
    reasons.length > 0 ? reasons : await known.locks.choosing(() => lookAt(known.disks, disk))
  const lost = { name: orphan?.name ?? '', state: 'lost', claim: '' }
  const taken = claim && {
    name: claim.volume?.name ?? '',
    state: claim.state.is,
    claim: claim.id,
  }
  return {
    ...(key ? { key } : {}),
    device: name,
    node,
    ...identity,
    transport,
    labels: labelsOf(disk, known.claims.labels(key)),
    state: stateOf(found, taken !== undefined, orphan !== undefined),
    ...(taken || orphan ? { volume: taken ?? lost } : {}),
    reasons: orphan ? [foundOrphan(name, orphan.name)] : found,
  }
}

function stateOf(reasons: readonly Reason[], isClaimed: boolean, isOrphan: boolean): string {
  if (isClaimed) return 'claimed'
  if (isOrphan) return 'orphan'
  return reasons.length > 0 ? 'used' : 'free'
}

async function lookAt(disks: Disks, disk: Disk): Promise<readonly Reason[]> {
  const hold = await disks.hold(disk)
  if (!hold.held) return [foundBusy(hold.why)]
  try {
    return await contentOf(hold)
  } finally {
    await hold.release()
  }
}
