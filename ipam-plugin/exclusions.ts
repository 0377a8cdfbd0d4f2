import { formatSubnet, parseAddress, parseSubnet, rangeOf, within } from './addresses.ts'
import type { Range, Subnet } from './addresses.ts'

/**
 * One item of `berth.exclude`: an address, `first-last`, or a CIDR.
 *
 * @throws {Error}
 */
export function parseExclusion(text: string): Range {
  if (text.includes('/')) return rangeOf(parseSubnet(text))
  const [from, to, ...rest] = text.split('-')
  if (from === undefined || rest.length > 0) throw new Error(`"${text}" is not a range`)
  const first = parseAddress(from)
  const last = to === undefined ? first : parseAddress(to)
  if (first.family !== last.family || first.value > last.value) {
    throw new Error(`"${text}" is not a range: it must lead from a lower address to a higher one`)
  }
  return { family: first.family, first: first.value, last: last.value }
}

/** @throws {Error} where one lies outside the subnet, and so would exclude nothing or not what was meant */
export function checkExclusions(exclusions: readonly string[], subnet: Subnet): void {
  for (const text of exclusions) {
    if (!within(parseExclusion(text), rangeOf(subnet))) {
      throw new Error(`"${text}" is not inside ${formatSubnet(subnet)}`)
    }
  }
}

/** What is left of `range`, in order, without `exclusions`. */
export function without(range: Range, exclusions: readonly Range[]): Range[] {
  const sorted = exclusions
    .filter(({ family }) => family === range.family)
    .toSorted((a, b) => (a.first < b.first ? -1 : 1))
  const left: Range[] = []
  let first = range.first
  for (const hole of sorted) {
    if (hole.first > first)
      left.push({ family: range.family, first, last: min(hole.first - 1n, range.last) })
    if (hole.last >= first) first = hole.last + 1n
    if (first > range.last) return left.filter(notEmpty)
  }
  return [...left, { family: range.family, first, last: range.last }].filter(notEmpty)
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const notEmpty = ({ first, last }: Range): boolean => first <= last
