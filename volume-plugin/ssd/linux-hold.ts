import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { Refusal } from '../../shared/refusal.ts'
import { command, words } from '../command.ts'
import type { Ended } from '../command.ts'
import { findContent, LARGEST_PLACE } from './content.ts'
import type { Disk } from './disk.ts'
import type { Format, Hold } from './disks.ts'
import type { Lane } from './lane.ts'
import { readAll, writeAll } from './read-all.ts'
import { whyNotSame } from './same-disk.ts'
import { findSignatures } from './signatures.ts'
import type { Roots } from './sysfs.ts'

const MIB = 1024 * 1024
/** Where `blkid` and `wipefs` look, roughly: what they do not say is that they could not read it. */
const ENDS = MIB
const FLUSH_MS = 60_000
const WRITE_MS = 2 * 60_000
const TOOL_MS = 10 * 60_000
/** Of a disk that is looked through: what every disk does that is not broken. */
const SLOWEST_BYTES_PER_MS = 10_000
const LOOK_MS = 2 * 60_000

type Held = {
  readonly disk: Disk
  /** Open, and locked by `flock`. */
  readonly lock: FileHandle
  readonly lane: Lane
  readonly roots: Roots
}

export class LinuxHold implements Hold {
  readonly held = true
  readonly disk: Disk
  readonly #lock: FileHandle
  readonly #lane: Lane
  readonly #roots: Roots
  /** Undefined while a tool has it, and when the disk was let go. */
  #exclusive: FileHandle | undefined
  #isReleased = false

  private constructor({ disk, lock, lane, roots }: Held) {
    this.disk = disk
    this.#lock = lock
    this.#lane = lane
    this.#roots = roots
  }

  /** @throws {Error} with the code `EBUSY` where somebody has it; the lock is still the caller's then */
  static async open(held: Held): Promise<LinuxHold> {
    const hold = new LinuxHold(held)
    await hold.#take()
    return hold
  }

  async signatures(): Promise<readonly string[]> {
    const { size } = this.disk.identity
    const end = Math.min(ENDS, size)
    await this.read(0, end)
    await this.read(size - end, end)
    return await findSignatures(this.disk.node)
  }

  async content(from = 0): Promise<number | undefined> {
    const { size } = this.disk.identity
    const end = Date.now() + LOOK_MS + size / SLOWEST_BYTES_PER_MS
    const buffer = Buffer.alloc(LARGEST_PLACE)
    return await findContent(size, from, async ({ at, length }) => {
      if (Date.now() > end) {
        throw new Error(`${this.disk.node} is too slow to be looked through: at byte ${at} by now`)
      }
      return await this.#read(at, length, buffer)
    })
  }

  async read(offset: number, length: number): Promise<Buffer> {
    return await this.#read(offset, length, Buffer.alloc(length))
  }

  async write(offset: number, data: Buffer): Promise<void> {
    const handle = this.#requireHeld()
    const act = async () => {
      await writeAll(handle, offset, data)
      await handle.sync()
    }
    await this.#lane.run(`write byte ${offset} of`, act, { deadlineMs: WRITE_MS })
  }

  async format({ uuid, label, force, options }: Format): Promise<void> {
    const { node } = this.disk
    // Given, since what is the default changes from version to version.
    const reflink = options.some(each => each.includes('reflink=')) ? [] : ['-m', 'reflink=1']
    const ours = ['-q', '-K', '-m', `uuid=${uuid}`, '-m', 'crc=1', ...reflink, '-L', label]
    const args = [...ours, ...(force ? ['-f'] : []), ...options, node]
    const ended = await this.#lend(() => this.#run('mkfs.xfs', args))
    if (ended.code !== 0) throw refusalOfMkfs(this.disk, ended)
    const handle = this.#requireHeld()
    await this.#lane.run('flush', () => handle.sync(), { deadlineMs: WRITE_MS })
  }

  async discard(from: number): Promise<boolean> {
    const args = ['--offset', String(from), this.disk.node]
    const ended = await this.#lend(() => this.#run('blkdiscard', args))
    if (ended.code === 0) return true
    if (ended.stderr.includes('Operation not supported')) return false
    throw new Error(`blkdiscard of ${this.disk.node}: ${words(ended)}`)
  }

  async letMount(): Promise<void> {
    await this.#drop()
  }

  async release(): Promise<void> {
    if (this.#isReleased) return
    this.#isReleased = true
    await this.#drop()
    await this.#lane.close(this.#lock)
  }

  async #read(offset: number, length: number, into: Buffer): Promise<Buffer> {
    const handle = this.#requireHeld()
    return await this.#lane.run(`read byte ${offset} of`, () =>
      readAll(handle, offset, length, into),
    )
  }

  /** The tool has the lock too, so that nobody takes the disk from one that outlives us. */
  async #run(tool: string, args: readonly string[]): Promise<Ended> {
    return await command(tool, args, { deadlineMs: TOOL_MS, descriptor: this.#lock.fd })
  }

  /** The tool opens the disk exclusively itself. One that did not answer may have it still: then the hold is over. */
  async #lend(use: () => Promise<Ended>): Promise<Ended> {
    this.#requireHeld()
    await this.#drop()
    const ended = await use()
    await this.#take()
    return ended
  }

  async #take(): Promise<void> {
    const { disk } = this
    const flags = constants.O_RDWR | constants.O_EXCL
    const handle = await this.#lane.run('open', () => open(disk.node, flags), {
      late: opened => opened.close(),
    })
    this.#exclusive = handle
    try {
      const why = await whyNotSame(disk, this.#roots, handle)
      if (why !== undefined) throw new Error(why)
      await this.#forgetCache()
    } catch (error) {
      await this.#drop()
      throw error
    }
  }

  async #drop(): Promise<void> {
    const handle = this.#exclusive
    this.#exclusive = undefined
    if (handle) await this.#lane.close(handle)
  }

  /** What is read is what is on the disk, also where somebody wrote past the kernel's cache, as file systems do. */
  async #forgetCache(): Promise<void> {
    const { node } = this.disk
    const ended = await command('blockdev', ['--flushbufs', node], { deadlineMs: FLUSH_MS })
    if (ended.code !== 0) throw new Error(`blockdev of ${node}: ${words(ended)}`)
  }

  #requireHeld(): FileHandle {
    if (this.#exclusive) return this.#exclusive
    throw new Error(`${this.disk.node} is no longer held: try again`)
  }
}

function refusalOfMkfs({ node }: Disk, ended: Ended): Error {
  const said = words(ended)
  if (said.includes('appears to contain')) {
    return new Refusal('disk-not-blank', `${node} is not blank, and was not formatted: ${said}`)
  }
  if (said.includes('resource busy') || said.includes('contains a mounted')) {
    return new Refusal('disk-busy', `${node} was taken while it was to be formatted: ${said}`)
  }
  return new Error(`mkfs.xfs of ${node}: ${said}`)
}
