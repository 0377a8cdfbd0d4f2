import { createHash } from 'node:crypto'
import { FIRST_BYTES, HEAD_BYTES } from './claim.ts'
import type { Claim, ClaimedVolume, ClaimId, Wiping } from './claim.ts'
import type { Hold } from './disks.ts'
import { compareMark, MARK_AT, MARK_BYTES } from './mark.ts'
import type { Mark } from './mark.ts'
import type { Shown } from './recovery.ts'
import { decodeSuperblock, SUPERBLOCK_BYTES } from './superblock.ts'
import type { Superblock } from './superblock.ts'

/** What the held disk shows of a claim; what takes long to see is looked at where the claim's state needs it. */
export async function look(hold: Hold, claim: Claim): Promise<Shown> {
  const { id, volume, state } = claim
  const superblock = decodeSuperblock(await hold.read(0, SUPERBLOCK_BYTES))
  const mark = volume
    ? compareMark(await hold.read(MARK_AT, MARK_BYTES), markOf(id, volume))
    : 'none'
  return {
    mark,
    superblock,
    isOurs: isOurs(superblock, claim),
    signatures: await hold.signatures(),
    content: state.is === 'intent' ? await besideMark(hold, mark !== 'none') : undefined,
    ...(state.is === 'wiping' ? await lookAtWiped(hold, state) : NOT_WIPED),
  }
}

/** Its label is for people, who may change it. */
export function isOurs(superblock: Superblock | undefined, { volume }: Claim): boolean {
  return volume !== undefined && superblock?.uuid === volume.fsUuid
}

export function markOf(id: ClaimId, volume: ClaimedVolume): Mark {
  const { name, fsUuid, host, boot, created } = volume
  return { claim: id, volume: name, fsUuid, host, boot, created }
}

const NOT_WIPED = { isSeenHead: false, isBodyBlank: false, isHeadBlank: false }

async function lookAtWiped(hold: Hold, { part, head }: Wiping): Promise<typeof NOT_WIPED> {
  const seen = part === 'body' ? HEAD_BYTES : FIRST_BYTES
  const isLast = part === 'head'
  return {
    isSeenHead: head !== undefined && head === (await hashStart(hold, seen)),
    isBodyBlank: isLast && (await hold.content(HEAD_BYTES)) === undefined,
    isHeadBlank: isLast && (await hold.read(0, HEAD_BYTES)).equals(Buffer.alloc(HEAD_BYTES)),
  }
}

/** @param length from the first byte on */
export async function hashStart(hold: Hold, length: number): Promise<string> {
  const start = await hold.read(0, length)
  return createHash('sha256').update(start).digest('hex')
}

async function besideMark(hold: Hold, isMarked: boolean): Promise<number | undefined> {
  if (!isMarked) return await hold.content()
  const before = await hold.read(0, MARK_AT)
  const at = before.findIndex(byte => byte !== 0)
  return at === -1 ? await hold.content(MARK_AT + MARK_BYTES) : at
}
