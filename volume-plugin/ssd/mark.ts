import { crc32 } from 'node:zlib'
import * as v from '@badrap/valita'

/** Where the mark is, on every claimed disk, from before it is formatted until file data takes its place. */
export const MARK_AT = 1024 * 1024
export const MARK_BYTES = 4096

const MAGIC = Buffer.from('berth-mark-v1\n\0\0')
const LENGTH_AT = MAGIC.length
const CRC_AT = LENGTH_AT + 4
const TEXT_AT = CRC_AT + 4
/** What a disk writes all of or nothing of. */
const SECTOR = 512

/** What a mark tells of a claim. */
export type Mark = v.Infer<typeof mark>
const mark = v.object({
  claim: v.string(),
  volume: v.string(),
  fsUuid: v.string(),
  host: v.string(),
  boot: v.string(),
  created: v.string(),
})

/** The same bytes for the same mark. Its text is JSON, for people who look at the disk with other tools. */
export function encodeMark({ claim, volume, fsUuid, host, boot, created }: Mark): Buffer {
  const text = Buffer.from(JSON.stringify({ claim, volume, fsUuid, host, boot, created }))
  const block = Buffer.alloc(MARK_BYTES)
  MAGIC.copy(block)
  block.writeUInt32BE(text.length, LENGTH_AT)
  block.writeUInt32BE(crc32(text), CRC_AT)
  text.copy(block, TEXT_AT)
  return block
}

/** @returns undefined where there is none, or what there is is not whole */
export function decodeMark(block: Buffer): Mark | undefined {
  if (!block.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  const length = block.readUInt32BE(LENGTH_AT)
  const text = block.subarray(TEXT_AT, TEXT_AT + length)
  if (text.length !== length || crc32(text) !== block.readUInt32BE(CRC_AT)) return undefined
  try {
    const decoded = mark.try(JSON.parse(text.toString()), { mode: 'strip' })
    return decoded.ok ? decoded.value : undefined
  } catch {
    return undefined
  }
}

/**
 * What the place of the mark holds, as far as one claim is concerned. Torn: some sectors of its own mark, and else
 * nothing; a power cut leaves that.
 */
export type MarkShown = 'ours' | 'torn' | 'other' | 'none'

export function compareMark(block: Buffer, ours: Mark): MarkShown {
  const expected = encodeMark(ours)
  if (block.equals(expected)) return 'ours'
  if (decodeMark(block)?.claim === ours.claim) return 'ours'
  if (isTorn(block, expected)) return 'torn'
  return block.subarray(0, MAGIC.length).equals(MAGIC) ? 'other' : 'none'
}

function isTorn(block: Buffer, expected: Buffer): boolean {
  const blank = Buffer.alloc(SECTOR)
  let written = 0
  for (let at = 0; at < MARK_BYTES; at += SECTOR) {
    const sector = block.subarray(at, at + SECTOR)
    if (sector.equals(blank)) continue
    if (!sector.equals(expected.subarray(at, at + SECTOR))) return false
    written += 1
  }
  return written > 0
}
