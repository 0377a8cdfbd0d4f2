import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Refusal } from '../../shared/refusal.ts'
import { command, words } from '../command.ts'
import { makeMountPoint, removeMountPoint } from '../mount-point.ts'
import { parseMountinfo } from '../../shared/mountinfo.ts'
import type { Disk } from './disk.ts'
import type { Mounted, Mounts } from './mounts.ts'
import { whyNotSame } from './same-disk.ts'
import type { Roots } from './sysfs.ts'

/** A log of a file system that was not unmounted is replayed; what was written is flushed. */
const DEADLINE_MS = 5 * 60_000
/** No access times, no nodes of devices, no programs that run as somebody else. */
const ALWAYS = ['noatime', 'nodev', 'nosuid']

export class LinuxMounts implements Mounts {
  readonly #roots: Roots

  constructor(roots: Roots) {
    this.#roots = roots
  }

  async list(): Promise<readonly Mounted[]> {
    const { procRoot = '/proc' } = this.#roots
    const lines = parseMountinfo(await readFile(join(procRoot, 'self/mountinfo'), 'utf8'))
    return lines.map(({ at, device, type, isReadOnly }) => ({ at, device, type, isReadOnly }))
  }

  async mount(disk: Disk, at: string, options: readonly string[]): Promise<void> {
    const there = await this.#at(at)
    if (there) {
      throw new Refusal(
        'not-mounted',
        `${there.type} of device ${there.device} is mounted on ${at}`,
      )
    }
    const before = await whyNotSame(disk, this.#roots)
    if (before !== undefined) throw new Refusal('not-mounted', before)
    await makeMountPoint(at)
    const args = ['-t', 'xfs', '-o', withAlways(options).join(','), '--', disk.node, at]
    const ended = await command('mount', args, { deadlineMs: DEADLINE_MS })
    if (ended.code !== 0) {
      await removeMountPoint(at).catch(() => {})
      const isBusy = ended.stderr.includes('already mounted or mount point busy')
      const code = isBusy ? 'disk-busy' : 'not-mounted'
      throw new Refusal(code, `${disk.node} cannot be mounted: ${words(ended)}`)
    }
    const why = await this.#whyNotMounted(disk, at, options.includes('ro'))
    if (why === undefined) return
    await this.unmount(at)
    throw new Refusal('not-mounted', `${disk.node} was mounted and unmounted again: ${why}`)
  }

  async unmount(at: string): Promise<'unmounted' | 'busy' | 'not-mounted'> {
    const result = await this.#unmount(at)
    // A folder that stays is in nobody's way, but that of people who look at it.
    if (result !== 'busy') await removeMountPoint(at).catch(() => {})
    return result
  }

  async #unmount(at: string): Promise<'unmounted' | 'busy' | 'not-mounted'> {
    if (!(await this.#at(at))) return 'not-mounted'
    const ended = await command('umount', ['--', at], { deadlineMs: DEADLINE_MS })
    if (ended.code === 0) return 'unmounted'
    if (ended.stderr.includes('busy')) return 'busy'
    if (ended.stderr.includes('not mounted')) return 'not-mounted'
    throw new Error(`${at} cannot be unmounted: ${words(ended)}`)
  }

  async #whyNotMounted(
    disk: Disk,
    at: string,
    mayBeReadOnly: boolean,
  ): Promise<string | undefined> {
    const there = await this.#at(at)
    if (!there) return `nothing is mounted on ${at}`
    const { device, type, isReadOnly } = there
    if (device !== disk.device) return `device ${device} is there, not ${disk.device}`
    if (type !== 'xfs') return `${type} is there`
    if (isReadOnly && !mayBeReadOnly) return 'it is read-only'
    return await whyNotSame(disk, this.#roots)
  }

  async #at(at: string): Promise<Mounted | undefined> {
    return (await this.list()).find(each => each.at === at)
  }
}

/** Beside `noatime` the kernel takes no `relatime`. */
function withAlways(options: readonly string[]): readonly string[] {
  const always = options.includes('relatime') ? ALWAYS.filter(each => each !== 'noatime') : ALWAYS
  return [...always, ...options]
}
