import { randomUUID } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeMark, MARK_AT } from '../../../../volume-plugin/ssd/mark.ts'
import type { LoopDisk } from '../../../disks/loop-disk.ts'
import { run } from '../../../engine/lab/run.ts'
import {
  BCACHE,
  BLUESTORE,
  LUKS,
  MBR,
  MBR_EMPTY,
  MDRAID,
  MDRAID_AT_END,
  MDRAID_OLD,
  ZFS,
} from './bytes.ts'
import type { Bytes } from './bytes.ts'
import { SIZE, state } from './state.ts'
import type { State } from './state.ts'

const LETTER = Buffer.from('x')

/** Disks that nobody uses, and that are not blank. */
export const CONTENTS: readonly State[] = [
  state('with ext4 on it', /not blank: ext4/, tool('mkfs.ext4', '-q')),
  state('with XFS on it', /not blank: xfs/, tool('mkfs.xfs', '-q', '-K')),
  state('with btrfs on it', /not blank: btrfs/, tool('mkfs.btrfs', '-q')),
  state('that is swap space', /not blank: swap/, tool('mkswap')),
  state('that is a physical volume of LVM', /not blank: LVM2_member/, tool('pvcreate', '--quiet')),
  state('that is encrypted', /not blank: crypto_LUKS/, bytes(LUKS)),
  state('with two file systems on it', /not blank: several signatures/, makeTwo),
  state('with a GPT and no partition', /not blank: gpt/, tool('sgdisk', '--clear')),
  state('with a GPT and a partition', /not blank: gpt/, tool('sgdisk', '--new=1:2048:+64M')),
  state('of which the second GPT alone is left', /not blank: gpt/, makeSecondGpt),
  state('of large sectors with a GPT', /not blank: gpt/, tool('sgdisk', '--clear'), {
    blockSize: 4096,
  }),
  state('with an MBR and a partition', /not blank: dos/, bytes(MBR)),
  state('with an MBR and no partition', /not blank: dos/, bytes(MBR_EMPTY)),
  state('of a ZFS pool', /not blank: zfs_member/, bytes(ZFS)),
  state('of bcache', /not blank: bcache/, bytes(BCACHE)),
  state('of a RAID', /not blank: linux_raid_member/, bytes(MDRAID)),
  state('of a RAID that is told at its end', /not blank: linux_raid_member/, bytes(MDRAID_AT_END)),
  state('of an old RAID', /not blank: linux_raid_member/, bytes(MDRAID_OLD)),
  state('of BlueStore', /not blank: ceph_bluestore/, bytes(BLUESTORE)),
  state('with a byte of data at its start', /data at byte 7;/, bytes([{ at: 7, data: LETTER }])),
  state(
    'with a byte of data in its middle',
    new RegExp(`data at byte ${SIZE / 2 + 12_345};`),
    bytes([{ at: SIZE / 2 + 12_345, data: LETTER }]),
  ),
  state(
    'with a byte of data at its end',
    new RegExp(`data at byte ${SIZE - 1};`),
    bytes([{ at: SIZE - 1, data: LETTER }]),
  ),
  {
    ...state("with another claim's mark on it", /data at byte 1048576;/, bytes([aMark()])),
    shows: /its record was lost/,
  },
  state("with half of another claim's mark on it", /data at byte 1048576;/, bytes([halfAMark()])),
]

function tool(name: string, ...args: readonly string[]) {
  return async ({ node }: LoopDisk) => await run(name, [...args, node])
}

function bytes(parts: readonly Bytes[]) {
  return async (disk: LoopDisk) => {
    for (const { at, data } of parts) await disk.write(at, data)
  }
}

/** btrfs, and the superblock of an ext4, of which neither is in the other's place. */
async function makeTwo(disk: LoopDisk): Promise<void> {
  await run('mkfs.btrfs', ['-q', disk.node])
  const folder = await mkdtemp(join(tmpdir(), 'berth-ext4-'))
  try {
    await using file = await open(join(folder, 'disk'), 'w+')
    await file.truncate(SIZE)
    await run('mkfs.ext4', ['-q', '-F', join(folder, 'disk')])
    const { buffer } = await file.read(Buffer.alloc(1024), 0, 1024, 1024)
    await disk.write(1024, buffer)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function makeSecondGpt(disk: LoopDisk): Promise<void> {
  await run('sgdisk', ['--clear', disk.node])
  await disk.write(0, Buffer.alloc(34 * 512))
}

function aMark(): Bytes {
  const id = (): string => randomUUID().replaceAll('-', '')
  const [host, boot, created] = ['elsewhere', randomUUID(), new Date().toISOString()]
  const mark = { claim: id(), volume: 'theirs', fsUuid: randomUUID(), host, boot, created }
  return { at: MARK_AT, data: encodeMark(mark) }
}

function halfAMark(): Bytes {
  const { at, data } = aMark()
  return { at, data: data.subarray(0, 200) }
}
