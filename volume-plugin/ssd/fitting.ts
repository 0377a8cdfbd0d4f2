import type { Disk } from './disk.ts'
import { passesOver } from './disk-labels.ts'
import type { Labels } from './disk-labels.ts'
import type { Reason } from './eligibility.ts'
import { agcountOf } from './option-lists.ts'
import type { SsdOptions } from './options.ts'
import { sizeText } from './sizes.ts'

export type Considered = { readonly disk: Disk; readonly reasons: readonly Reason[] }

type Asked = Pick<SsdOptions, 'size' | 'require' | 'mkfs'>

/** Of an allocation group: below the least, XFS's log may not fit into one; the limit is XFS's. */
const LEAST_GROUP = 128 * 2 ** 20
const GROUP_LIMIT = 2 ** 40
/** Each named with its reason; the others are counted. */
const MOST_NAMED = 8
/** What nobody expects to be taken is counted, not named. */
const EXPECTED = ['not-allowed', 'denied', 'kind', 'loop', 'hidden']

/**
 * Why this disk is not what was asked for, be it free or not.
 *
 * @param labels all that it carries
 */
export function notAsked(
  disk: Disk,
  { size, require, mkfs }: Asked,
  labels: Labels,
): readonly Reason[] {
  const reasons: Reason[] = []
  if (!isLargeEnough(disk, size)) {
    reasons.push({ code: 'smaller', text: `it has ${againstAsked(disk.identity.size, size ?? 0)}` })
  }
  const label = passesOver(labels, require)
  if (label !== undefined) reasons.push({ code: 'label', text: label })
  const groups = agcountOf(mkfs)
  if (groups !== undefined && !isGroupsFitting(disk.identity.size, groups)) {
    const text = `agcount=${groups} makes groups of ${sizeText(Math.floor(disk.identity.size / groups))} of it; they must have from 128 MiB to less than 1 TiB each`
    reasons.push({ code: 'agcount', text })
  }
  return reasons
}

/** The smallest first, since what is left serves larger wishes; the same in whatever order they are given. */
export function bySize(considered: readonly Considered[]): readonly Considered[] {
  return considered.toSorted(
    ({ disk: a }, { disk: b }) =>
      a.identity.size - b.identity.size || a.name.localeCompare(b.name, 'en', { numeric: true }),
  )
}

/** For the refusal `no-free-disk`: what was asked, and why each disk was passed over. */
export function noFreeDisk(name: string, asked: Asked, passedOver: readonly Considered[]): string {
  const telling = passedOver.filter(({ reasons }) => !reasons.some(isExpected))
  const named = telling.slice(0, MOST_NAMED).map(line)
  const count = passedOver.length - named.length
  const counted =
    count === 0 ? [] : [`${count} ${named.length > 0 ? 'more' : count === 1 ? 'disk' : 'disks'}`]
  const all = [...named, ...counted].join('; ') || 'there is none'
  const help = telling.length === 0 ? 'SSD_DEVICES names those that may be taken; ' : ''
  return `The volume ${name} needs a free disk${wish(asked)}. Passed over: ${all}. ${help}berth disks tells all`
}

function isLargeEnough({ identity }: Disk, size: number | undefined): boolean {
  return size === undefined || identity.size >= size
}

function isGroupsFitting(size: number, groups: number): boolean {
  const group = size / groups
  return group >= LEAST_GROUP && group < GROUP_LIMIT
}

const isExpected = ({ code }: Reason): boolean => EXPECTED.includes(code)

function line({ disk, reasons }: Considered): string {
  const why = reasons.map(({ text }) => text).join('; ')
  return `${disk.name}, ${sizeText(disk.identity.size)} (${why})`
}

function wish({ size, require }: Asked): string {
  const labels = Object.entries(require).map(([name, value]) => `${name}=${value}`)
  const least = size === undefined ? '' : ` of at least ${sizeText(size)}`
  return `${least}${labels.length > 0 ? ` with ${labels.join(', ')}` : ''}`
}

/** Rounded they may look the same. */
function againstAsked(has: number, asked: number): string {
  return sizeText(has) === sizeText(asked)
    ? `${has} bytes, not ${asked}`
    : `${sizeText(has)}, not ${sizeText(asked)}`
}
