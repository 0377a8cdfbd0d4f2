import type { Claim } from './claim.ts'
import { keyOf } from './disk.ts'
import type { Disk, DiskKey } from './disk.ts'
import { labelsOf } from './disk-labels.ts'
import type { Labels } from './disk-labels.ts'
import { isAllowed, isDenied } from './policy.ts'
import type { Policy } from './policy.ts'
import { sizeText } from './sizes.ts'

/** What stands against taking a disk. Codes are stable; a text reads on after the disk's name. */
export type Reason = { readonly code: ReasonCode; readonly text: string }

export type ReasonCode =
  | 'not-allowed'
  | 'denied'
  | 'kind'
  | 'loop'
  | 'removable'
  | 'read-only'
  | 'too-small'
  | 'hidden'
  | 'rotational'
  | 'zoned'
  | 'holders'
  | 'partitions'
  | 'twice'
  | 'state'
  | 'mounted'
  | 'swap'
  | 'no-identity'
  | 'claimed'
  | 'busy'
  | 'signatures'
  | 'content'
  | 'orphan'
  | 'unreadable'
  | 'smaller'
  | 'label'
  | 'agcount'

export type World = {
  readonly policy: Policy
  /** Every disk of the host, this one among them. */
  readonly all: readonly Disk[]
  readonly claims: readonly Claim[]
  /** The operator's own. */
  readonly labels: (key: DiskKey) => Labels
}

/** mkfs.xfs makes none on less. */
export const LEAST_BYTES = 300 * 2 ** 20

/** Not disks, or built upon disks, or elsewhere: never used, whatever is allowed. */
const KINDS = /^(?:ram|zram|dm-|md|nbd|rbd|sr|fd|drbd|zd|mtdblock|bcache)/
const WELL = ['', 'running', 'live']

/** In this order; each alone is enough. */
const RULES: readonly (readonly [ReasonCode, (disk: Disk, world: World) => string | undefined])[] =
  [
    [
      'not-allowed',
      (disk, { policy }) => when(!isAllowed(policy, disk), 'it is not in SSD_DEVICES'),
    ],
    ['denied', (disk, { policy }) => when(isDenied(policy, disk), 'it is in SSD_DENY')],
    ['kind', ({ name }) => kindText(name)],
    ['loop', (disk, { policy }) => when(isLoop(disk) && !policy.allowLoop, LOOP)],
    ['removable', ({ isRemovable }) => when(isRemovable, 'the kernel calls it removable')],
    ['read-only', ({ isReadOnly }) => when(isReadOnly, 'it is read-only')],
    ['too-small', ({ identity }) => when(!(identity.size >= LEAST_BYTES), tooSmall(identity.size))],
    ['hidden', ({ isHidden }) => when(isHidden, HIDDEN)],
    ['rotational', rotational],
    ['zoned', ({ isZoned }) => when(isZoned, 'it is zoned: XFS cannot be made on it')],
    ['holders', ({ holders }) => when(holders.length > 0, `built upon it: ${list(holders)}`)],
    ['partitions', ({ name, partitions }) => when(partitions.length > 0, parted(name, partitions))],
    ['twice', twice],
    ['state', ({ state }) => when(!WELL.includes(state), `the kernel says that it is ${state}`)],
    ['mounted', ({ mountPoints: at }) => when(at.length > 0, `it is mounted on ${list(at)}`)],
    ['swap', ({ isSwap }) => when(isSwap, 'it is swapped to')],
    ['no-identity', ({ identity }) => when(keyOf(identity) === undefined, NO_IDENTITY)],
    ['claimed', claimed],
  ]

const LOOP = 'it is a loop device, which are for tests: SSD_ALLOW_LOOP=1 allows them'
const HIDDEN = 'the kernel hides it: it is one of several paths to a disk, and no disk itself'
const NO_IDENTITY =
  'it has neither a world wide name nor a serial number, so that another disk could be mistaken for it; give a virtual disk a serial number'

/**
 * All that stands against a disk before it is opened.
 *
 * @returns empty: it may be opened and looked at
 */
export function reasonsAgainst(disk: Disk, world: World): readonly Reason[] {
  return RULES.flatMap(([code, rule]) => {
    const text = rule(disk, world)
    return text === undefined ? [] : [{ code, text }]
  })
}

function when(stands: boolean, text: string): string | undefined {
  return stands ? text : undefined
}

const isLoop = ({ name }: Disk): boolean => name.startsWith('loop')

function kindText(name: string): string | undefined {
  const [kind] = KINDS.exec(name) ?? []
  return kind && `devices of the kind ${kind.replace('-', '')} are never used`
}

const tooSmall = (size: number): string =>
  `it has ${sizeText(size)}, and XFS needs ${sizeText(LEAST_BYTES)}`

function rotational(disk: Disk, { labels }: World): string | undefined {
  const { name, identity, isRotational } = disk
  const key = keyOf(identity)
  const own = key === undefined ? {} : labels(key)
  if (labelsOf(disk, own)['rotational'] !== '1') return undefined
  return isRotational
    ? `the kernel calls it rotational; if it is an SSD all the same, say so: berth disk label ${name} rotational=0`
    : 'it is labelled rotational=1'
}

const parted = (name: string, partitions: readonly string[]): string =>
  `it has partitions: ${list(partitions)}; if nothing on them is needed: berth disk wipe ${name}`

/** Two paths to one disk would be two volumes on it. The hidden ones are known to be paths, and are never used. */
function twice(disk: Disk, { all }: World): string | undefined {
  if (disk.isHidden) return undefined
  const others = all.filter(other => other.name !== disk.name && !other.isHidden)
  const same = others.filter(other => isSame(disk, other)).map(({ name }) => name)
  return when(
    same.length > 0,
    `it seems to be the same disk as ${list(same)}: they share a world wide name, or a model and a serial number`,
  )
}

function isSame({ identity: a }: Disk, { identity: b }: Disk): boolean {
  // Two namespaces of one NVMe disk share its serial number.
  if (a.wwid !== '' && b.wwid !== '') return a.wwid === b.wwid
  return a.serial !== '' && a.serial === b.serial && a.model === b.model
}

function claimed({ identity }: Disk, { claims }: World): string | undefined {
  const key = keyOf(identity)
  const claim = claims.find(each => each.key === key)
  return claim && claimText(claim)
}

function claimText({ volume, state }: Claim): string {
  const name = volume?.name
  switch (state.is) {
    case 'intent':
    case 'marked':
    case 'formatting':
    case 'formatted':
      return `the volume ${name} is being made on it`
    case 'ready':
      return `it is the volume ${name}`
    case 'parked':
      return `it keeps the data of the volume ${name}, removed at ${state.since}: berth volume wipe ${name} destroys it`
    case 'wiping':
      return name === undefined ? 'it is being wiped' : `it is being wiped of the volume ${name}`
    case 'quarantined':
      return `it was taken for the volume ${name}, and then set aside: ${state.reason}`
    default:
      return state satisfies never
  }
}

const list = (names: readonly string[]): string => names.join(', ')

/** Somebody has it open exclusively. */
export const foundBusy = (why: string): Reason => ({ code: 'busy', text: `it is in use: ${why}` })

/** @param found in words such as `xfs` or `gpt`, at least one */
export const foundSignatures = (found: readonly string[]): Reason => ({
  code: 'signatures',
  text: `it is not blank: ${list(found)}; if nothing on it is needed: berth disk wipe`,
})

/** @param offset of the first byte that is not zero */
export const foundContent = (offset: number): Reason => ({
  code: 'content',
  text: `it is not blank: there is data at byte ${offset}; if nothing on it is needed: berth disk wipe`,
})

/** @param volume undefined where it was never finished */
export const foundOrphan = (disk: string, volume: string | undefined): Reason => ({
  code: 'orphan',
  text:
    volume === undefined
      ? `it was being made a volume of Berth's when its record was lost; nothing is on it: berth disk wipe ${disk}`
      : `it carries the volume ${volume}, of which this host has no record: berth volume adopt ${disk}`,
})

/** An error is no proof of anything. */
export const unreadable = (error: unknown): Reason => ({
  code: 'unreadable',
  text: `it could not be looked at: ${error instanceof Error ? error.message : String(error)}`,
})
