import { createHash } from 'node:crypto'
import { statSync, truncateSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandFailed, run } from '../engine/lab/run.ts'
import { until } from '../engine/lab/until.ts'
import {
  backingFile,
  detach,
  giveNumber,
  openFolder,
  removeFolder,
  removeLeftovers,
  takeNumber,
  unmountDisk,
} from './folders.ts'

export const MIB = 1024 * 1024
const CHUNK = MIB
/** Numbers that nobody else on a machine takes by asking for the first free one. */
const FIRST = 40
const LAST = 1063

/** As far as disks use a test. */
type Test = { teardown(end: () => Promise<void>): void }

export type LoopDiskOptions = {
  /** In bytes; the file is sparse. 512 MiB unless told. */
  readonly size?: number
  readonly blockSize?: 512 | 4096
  readonly readOnly?: boolean
  /** A loop device over a file says so itself; disks of tests do not, unless told. */
  readonly rotational?: boolean
  /** A file that is there already, instead of a new one. */
  readonly file?: string
}

let leftovers: Promise<void> | undefined

/** A loop device over a sparse file in a folder of its own: as much of a disk as a test can have. */
export class LoopDisk {
  readonly name: string
  readonly folder: string
  readonly file: string
  readonly #options: LoopDiskOptions
  /** What is, or was last, plugged in. */
  #attached: string

  private constructor(name: string, folder: string, file: string, options: LoopDiskOptions) {
    this.name = name
    this.folder = folder
    this.file = file
    this.#options = options
    this.#attached = file
  }

  /** Whatever is mounted from it when the test ends is unmounted, and all is removed. */
  static async create(t: Test, options: LoopDiskOptions = {}): Promise<LoopDisk> {
    leftovers ??= removeLeftovers()
    await leftovers
    const folder = openFolder()
    t.teardown(() => removeFolder(folder))
    const file = options.file ?? join(folder, 'disk')
    if (options.file === undefined) sparseFile(file, options.size ?? 512 * MIB)
    const disk = new LoopDisk(await attachAnywhere(file, options), folder, file, options)
    disk.#setRotational()
    // Before the file that it stands on goes, which may be another test's to remove.
    t.teardown(async () => {
      await unmountDisk(disk.name)
      await disk.detach()
      giveNumber(disk.name)
    })
    return disk
  }

  /** `/dev/loop40` */
  get node(): string {
    return `/dev/${this.name}`
  }

  /** Major and minor number: `7:40`. */
  get device(): string {
    return `7:${this.name.slice('loop'.length)}`
  }

  /** Of all that is on it and where; also of what is still in the kernel's cache. Holes cost little. */
  async checksum(): Promise<string> {
    await this.flush()
    const hash = createHash('sha256')
    const blank = Buffer.alloc(CHUNK)
    const chunk = Buffer.alloc(CHUNK)
    await using file = await open(this.file, 'r')
    for (const at of await chunksOf(this.file)) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK, at)
      const found = chunk.subarray(0, bytesRead)
      if (!found.equals(blank.subarray(0, bytesRead))) hash.update(`${at} `).update(found)
    }
    return hash.update(`end ${(await file.stat()).size}`).digest('hex')
  }

  /** Nothing is left in the kernel's cache: what is read next comes from the file. */
  async flush(): Promise<void> {
    await run('blockdev', ['--flushbufs', this.node])
  }

  /** Puts data on it, as somebody who knows nothing of us would. */
  async write(offset: number, data: Buffer): Promise<void> {
    await using node = await open(this.node, 'r+')
    await node.write(data, 0, data.length, offset)
    await node.sync()
  }

  async read(offset: number, length: number): Promise<Buffer> {
    await this.flush()
    await using node = await open(this.node, 'r')
    const { buffer, bytesRead } = await node.read(Buffer.alloc(length), 0, length, offset)
    return buffer.subarray(0, bytesRead)
  }

  /** Pulls it out. Whoever has it open keeps it for as long: then this waits. */
  async detach(): Promise<void> {
    const isAttached = () => backingFile(this.name).startsWith(this.#attached)
    if (!isAttached()) return
    await detach(this.name)
    await until(`${this.name} to be detached`, 30_000, () => !isAttached())
  }

  /** Plugs it, or another file, in at the same number. */
  async attach(file = this.file): Promise<void> {
    await attach(this.node, file, this.#options)
    this.#attached = file
    this.#setRotational()
  }

  #setRotational(): void {
    const text = this.#options.rotational ? '1' : '0'
    writeFileSync(`/sys/block/${this.name}/queue/rotational`, text)
  }
}

/** Where a file may have data, the same whatever its extents are; all else are holes. */
async function chunksOf(file: string): Promise<readonly number[]> {
  const found = await run('xfs_io', ['-r', '-c', 'seek -a -r 0', file])
  const holes = Array.from(found.matchAll(/^HOLE\s+(\d+)$/gm), ([, at]) => Number(at))
  const { size } = statSync(file)
  const chunks = new Set<number>()
  for (const [, start] of found.matchAll(/^DATA\s+(\d+)$/gm)) {
    const end = Math.min(size, ...holes.filter(hole => hole > Number(start)))
    for (let at = Number(start) - (Number(start) % CHUNK); at < end; at += CHUNK) chunks.add(at)
  }
  return [...chunks].toSorted((a, b) => a - b)
}

export function sparseFile(file: string, size: number): void {
  writeFileSync(file, '', { mode: 0o600 })
  truncateSync(file, size)
}

/** Tried also where the number is ours: somebody else on the machine may have its device. */
async function attachAnywhere(file: string, options: LoopDiskOptions): Promise<string> {
  for (let number = FIRST; number <= LAST; number++) {
    const name = `loop${number}`
    if (backingFile(name) !== '' || !takeNumber(name)) continue
    try {
      await attach(`/dev/${name}`, file, options)
      return name
    } catch (error) {
      giveNumber(name)
      if (!(error instanceof CommandFailed && error.stderr.includes('busy'))) throw error
    }
  }
  throw new Error(`All loop devices from ${FIRST} to ${LAST} are taken: see losetup -a`)
}

async function attach(node: string, file: string, options: LoopDiskOptions): Promise<void> {
  const { readOnly = false, blockSize = 512 } = options
  const flags = readOnly ? ['--read-only'] : []
  await run('losetup', [...flags, '--sector-size', String(blockSize), node, file])
}
