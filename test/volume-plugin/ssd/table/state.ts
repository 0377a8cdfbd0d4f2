import type { Test } from 'tap'
import { LoopDisk, MIB } from '../../../disks/loop-disk.ts'
import type { LoopDiskOptions } from '../../../disks/loop-disk.ts'

/** A disk, or two, that must not be taken. */
export type State = {
  /** After "a disk": `with ext4 on it`. */
  readonly is: string
  /** What is said of it to whom is refused a disk. */
  readonly says: RegExp
  /** What an operator is shown of it, if it is something else. */
  readonly shows?: RegExp
  readonly make: (t: Test) => Promise<readonly Made[]>
}

/** The checksum is of all that nobody but Berth could have written. */
export type Made = Pick<LoopDisk, 'name' | 'node' | 'checksum'>

/** Little more than XFS needs. */
export const SIZE = 320 * MIB

/** One disk, on which `change` then puts something, or of which it does something. */
export function state(
  is: string,
  says: RegExp,
  change: (disk: LoopDisk, t: Test) => Promise<unknown> = async () => {},
  options: LoopDiskOptions = {},
): State {
  const make = async (t: Test) => {
    const disk = await LoopDisk.create(t, { size: SIZE, ...options })
    await change(disk, t)
    return [disk]
  }
  return { is, says, make }
}
