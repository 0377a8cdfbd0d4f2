import type { Range } from './addresses.ts'
import { addressOfKey } from './keys.ts'
import { readAddress } from './records.ts'
import type { Entry } from '../shared/store.ts'

/** An address to try, with what the store held for it when it was read. */
export type Candidate = { readonly value: bigint; readonly entry: Entry | undefined }

/** What one read of a window showed: what is free, and what still rests. */
export type Sighting = {
  readonly free: readonly Candidate[]
  readonly resting: readonly (Candidate & { readonly until: number })[]
}

export const FIRST_WINDOW = 256n
const LARGEST_WINDOW = 16_384n

/** Reads grow while nothing is found, so that a full pool is known in a few of them. */
export function nextSize(current: bigint): bigint {
  return current * 4n < LARGEST_WINDOW ? current * 4n : LARGEST_WINDOW
}

/**
 * The window at or behind `position` in `ranges` (in order, without gaps inside), `atMost` addresses long; behind the
 * last one it begins again at the first. Undefined where there is no range.
 */
export function windowAt(
  ranges: readonly Range[],
  position: bigint,
  atMost: bigint,
): Range | undefined {
  const range = ranges.find(({ last }) => last >= position) ?? ranges[0]
  if (!range) return undefined
  const inside = position >= range.first && position <= range.last
  const first = inside ? position : range.first
  const last = first + atMost - 1n
  return { family: range.family, first, last: last < range.last ? last : range.last }
}

/** What `entries`, the store's in `window`, leave to be claimed. `taken` knows of more that must not be tried. */
export function look(
  window: Range,
  entries: readonly Entry[],
  now: number,
  taken: (value: bigint) => boolean,
): Sighting {
  const byValue = new Map(entries.map(entry => [addressOfKey(entry.key).value, entry]))
  const free: Candidate[] = []
  const resting: (Candidate & { until: number })[] = []
  for (let value = window.first; value <= window.last; value++) {
    const entry = byValue.get(value)
    const record = readAddress(entry)
    if ((record && record.state !== 'idle') || taken(value)) continue
    if (!record || record.until <= now) free.push({ value, entry })
    else resting.push({ value, entry, until: record.until })
  }
  return { free, resting }
}
