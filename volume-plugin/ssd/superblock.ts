/** What of an XFS superblock tells whose it is (xfs(5), "struct xfs_dsb"). */
export type Superblock = {
  readonly uuid: string
  readonly label: string
  /** mkfs has begun and not ended: nobody may mount it. */
  readonly inProgress: boolean
}

export const SUPERBLOCK_BYTES = 512

const MAGIC = 'XFSB'
const UUID_AT = 32
const LABEL_AT = 108
const LABEL_BYTES = 12
const IN_PROGRESS_AT = 126

/** @param block the first sector of the disk */
export function decodeSuperblock(block: Buffer): Superblock | undefined {
  if (block.length < SUPERBLOCK_BYTES || block.toString('latin1', 0, 4) !== MAGIC) return undefined
  const hex = block.toString('hex', UUID_AT, UUID_AT + 16)
  const [label = ''] = block.toString('latin1', LABEL_AT, LABEL_AT + LABEL_BYTES).split('\0')
  return {
    uuid: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    label,
    inProgress: block[IN_PROGRESS_AT] !== 0,
  }
}
