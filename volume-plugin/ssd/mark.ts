import type { Claim } from './claim.ts'

/** Where the mark is, on every claimed disk, from before it is formatted until file data takes its place. */
export const MARK_AT = 1024 * 1024
export const MARK_BYTES = 4096

/** What a mark tells of a claim. */
export type Mark = {
  readonly claim: string
  readonly volume: string
  readonly fsUuid: string
  readonly host: string
  readonly boot: string
  readonly created: string
}
