import { constants } from 'node:fs'
import { open, readFile, realpath } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { isSystemError } from '../../shared/system-error.ts'
import { command, words } from '../command.ts'
import { parseMountinfo, parseSwaps } from '../../shared/mountinfo.ts'
import type { MountLine } from '../../shared/mountinfo.ts'
import type { Disk } from './disk.ts'
import type { Disks, Hold, NotHeld } from './disks.ts'
import { Lane } from './lane.ts'
import { LinuxHold } from './linux-hold.ts'
import { readAll } from './read-all.ts'
import { deviceAt, whyNotSame } from './same-disk.ts'
import { listOf, readSysfsDisk } from './sysfs.ts'
import type { Roots, SysfsDisk } from './sysfs.ts'

const TOOL_MS = 60_000
/** flock's exit code, as asked for, where somebody else has the lock. */
const LOCKED = 75

export class LinuxDisks implements Disks {
  readonly #roots: Roots
  /** By device and attachment, also after a disk went: who hangs on it hangs still. */
  readonly #lanes = new Map<string, Lane>()

  constructor(roots: Roots) {
    this.#roots = roots
  }

  async list(): Promise<readonly Disk[]> {
    const { sysRoot = '/sys' } = this.#roots
    const names = await listOf(join(sysRoot, 'block'))
    const shown = await Promise.all(names.map(name => this.#show(name)))
    const use = await readUse(this.#roots)
    return shown.filter(disk => disk !== undefined).map(disk => withUse(disk, use))
  }

  /** One that the kernel does not let us look at is not there, and so neither free nor a volume's. */
  async #show(name: string): Promise<SysfsDisk | undefined> {
    return await readSysfsDisk(name, this.#roots).catch(() => undefined)
  }

  async hold(disk: Disk): Promise<Hold | NotHeld> {
    const lane = this.#laneOf(disk)
    let lock: FileHandle | undefined
    try {
      lock = await this.#open(lane, disk)
      if (!(await isLockedNow(lock))) {
        await lane.close(lock)
        return { held: false, busy: true, why: `${disk.node} is locked by another process` }
      }
      return await LinuxHold.open({ disk, lock, lane, roots: this.#roots })
    } catch (error) {
      if (lock) await lane.close(lock)
      return notHeld(disk, error)
    }
  }

  async read(disk: Disk, offset: number, length: number): Promise<Buffer> {
    const lane = this.#laneOf(disk)
    const handle = await this.#open(lane, disk)
    try {
      return await lane.run(`read byte ${offset} of`, () => readAll(handle, offset, length))
    } finally {
      await lane.close(handle)
    }
  }

  async forgetPartitions(disk: Disk): Promise<void> {
    try {
      const { code } = await command('blockdev', ['--rereadpt', disk.node], { deadlineMs: TOOL_MS })
      // A loop device is not read again, but told.
      if (code !== 0) await command('partx', ['--delete', disk.node], { deadlineMs: TOOL_MS })
    } catch {
      // The kernel keeps them until the host restarts; until then the disk is not eligible.
    }
  }

  /** @throws {Error} also where it is not that disk */
  async #open(lane: Lane, disk: Disk): Promise<FileHandle> {
    const handle = await lane.run('open', () => open(disk.node, constants.O_RDONLY), {
      late: opened => opened.close(),
    })
    const why = await whyNotSame(disk, this.#roots, handle)
    if (why === undefined) return handle
    await lane.close(handle)
    throw new Error(why)
  }

  #laneOf({ device, attachment, node }: Disk): Lane {
    const key = `${device} ${attachment}`
    const lane = this.#lanes.get(key) ?? new Lane(node)
    this.#lanes.set(key, lane)
    return lane
  }
}

/** The lock belongs to what we have open, not to flock, which ends at once. */
async function isLockedNow(lock: FileHandle): Promise<boolean> {
  const args = ['--nonblock', '--exclusive', '--conflict-exit-code', String(LOCKED), '3']
  const ended = await command('flock', args, { deadlineMs: TOOL_MS, descriptor: lock.fd })
  if (ended.code === 0) return true
  if (ended.code === LOCKED) return false
  throw new Error(`flock: ${words(ended)}`)
}

function notHeld({ node }: Disk, error: unknown): NotHeld {
  if (!(error instanceof Error)) throw error
  if (isSystemError(error, 'EBUSY')) {
    const why = `${node} is in use: mounted, also where this process cannot see it, swapped to, or held by another process`
    return { held: false, busy: true, why }
  }
  return { held: false, busy: false, why: error.message }
}

type Use = {
  readonly mounts: readonly (MountLine & { readonly sourceDevice: string })[]
  readonly swaps: readonly string[]
  /** By the path of the node. */
  readonly links: ReadonlyMap<string, readonly string[]>
}

async function readUse({ devRoot = '/dev', procRoot = '/proc' }: Roots): Promise<Use> {
  const mounts = parseMountinfo(await readFile(join(procRoot, 'self/mountinfo'), 'utf8'))
  const swaps = await readFile(join(procRoot, 'swaps'), 'utf8').catch(() => '')
  // Only nodes are asked: whatever else is a source may be a file system that hangs.
  const isNode = (path: string) => path.startsWith(`${devRoot}/`) || path.startsWith('/dev/')
  const ofSource = async (path: string) => (isNode(path) ? await deviceAt(path) : '')
  return {
    mounts: await Promise.all(
      mounts.map(async each => ({ ...each, sourceDevice: await ofSource(each.source) })),
    ),
    swaps: await Promise.all(parseSwaps(swaps).map(ofSource)),
    links: await readLinks(join(devRoot, 'disk')),
  }
}

async function readLinks(root: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const links = new Map<string, string[]>()
  for (const by of (await listOf(root)).filter(each => each.startsWith('by-'))) {
    for (const name of await listOf(join(root, by))) {
      const link = join(root, by, name)
      const node = await realpath(link).catch(() => '')
      links.set(node, [...(links.get(node) ?? []), link])
    }
  }
  return links
}

function withUse({ devices, ...disk }: SysfsDisk, { mounts, swaps, links }: Use): Disk {
  const isHere = (device: string) => device !== '' && devices.includes(device)
  return {
    ...disk,
    links: links.get(disk.node) ?? [],
    mountPoints: mounts
      .filter(({ device, sourceDevice }) => isHere(device) || isHere(sourceDevice))
      .map(({ at }) => at),
    isSwap: swaps.some(isHere),
  }
}
