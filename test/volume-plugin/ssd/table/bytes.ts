import { SIZE } from './state.ts'

/** What is on a disk of a kind that this machine has no tool to make, as far as it tells the kind. */
export type Bytes = { readonly at: number; readonly data: Buffer }

const SECTOR = 512

export const LUKS: readonly Bytes[] = [{ at: 0, data: Buffer.from('LUKS\xba\xbe\0\x02', 'latin1') }]

export const BLUESTORE: readonly Bytes[] = [
  { at: 0, data: Buffer.from('bluestore block device\n') },
]

/** The first of the uberblocks in the first label. */
export const ZFS: readonly Bytes[] = Array.from({ length: 8 }, (_, index) => {
  const data = Buffer.alloc(SECTOR)
  data.writeBigUInt64LE(0x00bab10cn, 0)
  data.writeBigUInt64LE(5000n, 8)
  return { at: 128 * 1024 + index * 1024, data }
})

export const BCACHE: readonly Bytes[] = [{ at: 4096, data: bcache() }]

/** Version 1.2, near the start. */
export const MDRAID: readonly Bytes[] = [{ at: 4096, data: mdraid(1, 0, 4096) }]

/** Version 1.0, near the end. */
export const MDRAID_AT_END: readonly Bytes[] = [
  { at: SIZE - 16 * SECTOR, data: mdraid(1, 0, SIZE - 16 * SECTOR) },
]

/** Version 0.90, in the last 64 KiB that are whole. */
export const MDRAID_OLD: readonly Bytes[] = [
  { at: SIZE - (SIZE % 65_536) - 65_536, data: mdraid(0, 90, 0) },
]

export const MBR_EMPTY: readonly Bytes[] = [{ at: 0, data: mbr() }]

export const MBR: readonly Bytes[] = [{ at: 0, data: mbr({ start: 2048, sectors: 4096 }) }]

function bcache(): Buffer {
  const block = Buffer.alloc(4096)
  block.writeBigUInt64LE(8n, 8)
  block.writeBigUInt64LE(1n, 16)
  Buffer.from('c68573f64e1a45ca8265f57f48ba6d81', 'hex').copy(block, 24)
  return block
}

function mdraid(major: number, minor: number, at: number): Buffer {
  const block = Buffer.alloc(4096)
  block.writeUInt32LE(0xa92b4efc, 0)
  block.writeUInt32LE(major, 4)
  block.writeUInt32LE(minor, 8)
  block.writeBigUInt64LE(BigInt(at / SECTOR), 144)
  return block
}

function mbr(partition?: { readonly start: number; readonly sectors: number }): Buffer {
  const sector = Buffer.alloc(SECTOR)
  sector.writeUInt32LE(0x1234_5678, 440)
  if (partition) {
    sector[446 + 4] = 0x83
    sector.writeUInt32LE(partition.start, 446 + 8)
    sector.writeUInt32LE(partition.sectors, 446 + 12)
  }
  sector.writeUInt16BE(0x55aa, 510)
  return sector
}
