import type { DiskIdentity, DiskKey } from './disk.ts'
import type { SsdOptions } from './options.ts'
import type { VolumeName } from '../volume-name.ts'

declare const brand: unique symbol
/** 32 hexadecimal digits, random, never used twice. */
export type ClaimId = string & { readonly [brand]: 'ClaimId' }

/** One disk that is not free, and why: the record in the journal. It goes when the disk is blank again. */
export type Claim = {
  readonly id: ClaimId
  readonly key: DiskKey
  /** The disk, as it was claimed. */
  readonly identity: DiskIdentity
  /** Undefined where an operator wipes a disk that was no volume's. */
  readonly volume: ClaimedVolume | undefined
  readonly state: ClaimState
}

export type ClaimedVolume = {
  readonly name: VolumeName
  readonly options: SsdOptions
  /** RFC 3339. */
  readonly created: string
  /** Of the file system, chosen before it is made: what proves that it is ours. */
  readonly fsUuid: string
  /** The host's name, of LONGEST_HOST characters at most, and the boot at the claim, for people who find the disk. */
  readonly host: string
  readonly boot: string
}

/** What is longer is cut: the mark on the disk has 4 KiB for all that it tells. */
export const LONGEST_HOST = 256

/** In the order in which they come; each is synced before the next step is taken. */
export type ClaimState =
  | { readonly is: 'intent' }
  | { readonly is: 'marked' }
  | { readonly is: 'formatting' }
  | { readonly is: 'formatted' }
  /** From here on Create has answered, or may have. */
  | { readonly is: 'ready' }
  /** Removed: hidden, its data kept for `keepMs` of which `keptMs` have passed while the plugin ran. */
  | {
      readonly is: 'parked'
      readonly since: string
      readonly keepMs: number
      readonly keptMs: number
    }
  | Wiping
  /** Never written again but by an operator's word. */
  | { readonly is: 'quarantined'; readonly reason: string }

/**
 * First everything behind the head is made blank, then, once that is on the disk, the head, and of that the first bytes,
 * with the superblock, at last: so that the proof of the claim is there until nothing is left to be proved.
 */
export type Wiping = {
  readonly is: 'wiping'
  readonly part: 'body' | 'head'
  /** Up to where the body is known to be blank. */
  readonly offset: number
  /**
   * Where it is by an operator's word, not by proof, that all may go: a hash of the head as it was then; in the part `head`,
   * of its first bytes.
   */
  readonly head: string | undefined
}

/** The beginning of a wipe of a volume. */
export const WIPING: Wiping = { is: 'wiping', part: 'body', offset: 0, head: undefined }

/** The head: where the file system's superblock and the mark are. */
export const HEAD_BYTES = 2 * 1024 * 1024
/** Of the head: what goes at last. */
export const FIRST_BYTES = 4096

/** The claim's file systems are known by it, also to people; 12 bytes are all that XFS has room for. */
export const labelOf = (id: ClaimId): string => `berth-${id.slice(0, 6)}`

/** Create has not answered yet. */
export function isBeingMade({ state }: Claim): boolean {
  return ['intent', 'marked', 'formatting', 'formatted'].includes(state.is)
}
