import type { Disk } from './disk.ts'

/** This host's disks. */
export interface Disks {
  /** Every block device that could be a disk, as it is now; none is opened. */
  list(): Promise<readonly Disk[]>

  /**
   * Locks the disk (`flock`, which also keeps udev away) and opens it exclusively, which fails while anybody, in any mount
   * namespace, has it mounted, swaps to it or holds it. What was opened is proved to be `disk` still.
   *
   * @returns why not, where somebody has it, or it is gone, or another disk has its name by now
   */
  hold(disk: Disk): Promise<Hold | NotHeld>

  /** Reads without holding it, also while it is mounted. @throws {Error} where it cannot be read within a deadline */
  read(disk: Disk, offset: number, length: number): Promise<Buffer>

  /** After its table was wiped the kernel still knows the partitions: it is told to look again (BLKRRPART), best effort. */
  forgetPartitions(disk: Disk): Promise<void>
}

export type NotHeld = { readonly held: false; readonly busy: boolean; readonly why: string }

/** A disk that nobody else has. Every method ends within a deadline, and throws on an error of the disk. */
export interface Hold {
  readonly held: true
  readonly disk: Disk
  /**
   * What the tools find on it, in words such as `xfs` or `gpt`; empty for a blank disk. Two tools are asked, and
   * whatever is not a clear "nothing" counts as something: `several signatures`.
   */
  signatures(): Promise<readonly string[]>
  /**
   * Where the first byte other than zero is, looking from `from` on: the whole disk where it is small, else both ends
   * and thousands of places between; undefined for a disk that is blank as far as seen.
   */
  content(from?: number): Promise<number | undefined>
  read(offset: number, length: number): Promise<Buffer>
  /** On the disk when it returns, not in a cache of the kernel or of the disk. */
  write(offset: number, data: Buffer): Promise<void>
  /**
   * `mkfs.xfs`, which opens the disk exclusively itself, so that it is let go for that moment; the lock stays. Without
   * `force` it refuses where it finds anything.
   *
   * @throws {Refusal} `disk-not-blank` with what it said
   */
  format(format: Format): Promise<void>
  /**
   * Tells the disk that everything from `from` on is no longer needed. What is read there afterwards is up to the disk.
   *
   * @returns false where the disk cannot
   */
  discard(from: number): Promise<boolean>
  /** Lets the kernel mount it: it is no longer open exclusively, and locked until it is released. */
  letMount(): Promise<void>
  /** Once or more often. */
  release(): Promise<void>
}

export type Format = {
  readonly uuid: string
  /** At most 12 bytes. */
  readonly label: string
  /** Also over what is there. */
  readonly force: boolean
  /** Arguments from the allow list, such as `-m`, `reflink=0`. */
  readonly options: readonly string[]
}
