import type { ClaimState } from './claim.ts'
import type { MarkShown } from './mark.ts'
import type { Superblock } from './superblock.ts'

/** What a disk shows of the claim that is recorded for it. */
export type Shown = {
  readonly mark: MarkShown
  readonly superblock: Superblock | undefined
  /** Whether that superblock is of the file system that the claim planned. */
  readonly isOurs: boolean
  /** What the tools find, in words. */
  readonly signatures: readonly string[]
  /** The first byte that is not zero, the place of the mark left out; looked for where the decision needs it alone. */
  readonly content: number | undefined
  /** Of a disk that is being wiped: whether its head is still what an operator saw. */
  readonly isSeenHead: boolean
  /** When the head is wiped: whether all behind it is blank, as far as seen. */
  readonly isBodyBlank: boolean
  /** And whether all of the head is. */
  readonly isHeadBlank: boolean
}

/** What is to be done with a claim that a crash, or a power cut, left behind. */
export type Decision =
  | { readonly do: 'nothing' }
  /** The disk was never written. */
  | { readonly do: 'drop' }
  | { readonly do: 'mark' }
  | { readonly do: 'format'; readonly force: boolean }
  | { readonly do: 'prepare' }
  | { readonly do: 'wipe' }
  | { readonly do: 'quarantine'; readonly reason: string }

/**
 * Every claim has on its disk, at every instant, its mark, or its file system's id, or nothing at all where nothing was
 * written yet. Whatever else is there is somebody's: then nothing is ever written.
 *
 * A file system is made anew wherever nobody has seen mkfs end, also where it looks whole: a disk that lost its cache in
 * a power cut may have kept the last write and lost others. It holds nothing yet.
 */
export function decide(state: ClaimState, shown: Shown): Decision {
  switch (state.is) {
    case 'intent':
      return ofIntent(shown)
    case 'marked':
      if (shown.mark === 'ours' && shown.signatures.length === 0) {
        return { do: 'format', force: false }
      }
      return strange('its mark should be there, and nothing else', shown)
    case 'formatting':
      if (shown.isOurs) return { do: 'format', force: true }
      if (shown.mark === 'ours' && shown.signatures.length === 0) {
        return { do: 'format', force: false }
      }
      return strange('its mark or its file system should be there', shown)
    case 'formatted':
      if (shown.isOurs && shown.superblock?.inProgress === false) return { do: 'prepare' }
      return strange('its file system should be there', shown)
    case 'wiping':
      return ofWiping(state.part, shown)
    case 'ready':
    case 'parked':
    case 'quarantined':
      return { do: 'nothing' }
    default:
      return state satisfies never
  }
}

/** Why a volume must not be mounted, or undefined. */
export function faultOf({ superblock, isOurs }: Pick<Shown, 'superblock' | 'isOurs'>) {
  if (!superblock) return 'there is no XFS on the disk any more'
  if (!isOurs) return `the disk carries another file system (XFS ${superblock.uuid})`
  return superblock.inProgress ? 'mkfs never ended on the disk' : undefined
}

function ofIntent(shown: Shown): Decision {
  const { mark, signatures, content } = shown
  if (signatures.length > 0 || content !== undefined || mark === 'other') {
    return strange('the disk was blank when it was chosen', shown)
  }
  switch (mark) {
    case 'ours':
      return { do: 'format', force: false }
    case 'torn':
      return { do: 'mark' }
    case 'none':
      return { do: 'drop' }
    default:
      return mark satisfies never
  }
}

function ofWiping(part: 'body' | 'head', shown: Shown): Decision {
  const { isOurs, mark, signatures, isSeenHead, isBodyBlank, isHeadBlank } = shown
  // A file system that somebody made since leaves the mark where it is.
  const isMarkedAlone = mark === 'ours' && signatures.length === 0
  const isProved = isOurs || isMarkedAlone || isSeenHead || isHeadBlank
  if (isProved && (part === 'body' || isBodyBlank)) return { do: 'wipe' }
  return strange('the disk was being wiped', shown)
}

function strange(expected: string, { mark, superblock, signatures, content }: Shown): Decision {
  const found = [
    mark === 'other' ? "another claim's mark" : `mark: ${mark}`,
    ...(superblock ? [`XFS ${superblock.uuid}`] : []),
    ...signatures,
    ...(content === undefined ? [] : [`data at byte ${content}`]),
  ]
  return { do: 'quarantine', reason: `${expected}; found: ${found.join(', ')}` }
}
