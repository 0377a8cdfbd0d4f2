import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isSystemError } from '../../shared/system-error.ts'
import { command, words } from '../command.ts'
import { makeMountPoint, removeMountPoint } from '../mount-point.ts'
import { detach, shownMounts } from './shown-mounts.ts'

/*
 * What a volume's folder is mounted on: the only folder of a tiny file system that cannot be written. Engines take away all
 * that their plugins have mounted, now and then also what was mounted a moment ago (dockerd that was killed, and starts): then
 * the path that the engine was told does not exist, and the container does not start, instead of writing to the folder
 * underneath.
 */

const DEADLINE_MS = 10_000
const OPTIONS = 'size=4k,nr_inodes=4,mode=0700,nosuid,nodev,noexec'

/** Makes the folder `at`, as `mountPath` names it; one that is there is fine. What is mounted there is not looked at. */
export async function makeStand(at: string): Promise<void> {
  const stand = dirname(at)
  const line = (await shownMounts()).find(each => each.at === stand)
  if (line?.isReadOnly) return
  if (!line) {
    await makeMountPoint(stand)
    await mount(stand, OPTIONS)
  }
  await mkdir(at, { mode: 0 }).catch(error => {
    if (!isSystemError(error, 'EEXIST')) throw error
  })
  await mount(stand, `remount,ro,${OPTIONS}`)
}

/** Takes it away, with all that is mounted there: containers keep what they have, and what hangs is not asked. */
export async function removeStand(at: string): Promise<void> {
  const stand = dirname(at)
  await detach(at)
  await detach(stand)
  // A folder that stays is in nobody's way, but that of people who look at it.
  await removeMountPoint(stand).catch(() => {})
}

async function mount(stand: string, options: string): Promise<void> {
  const args = ['-t', 'tmpfs', '--no-canonicalize', '--no-mtab', '-o', options, 'berth', stand]
  const ended = await command('mount', args, { deadlineMs: DEADLINE_MS })
  if (ended.code !== 0) throw new Error(`${stand} cannot be mounted: ${words(ended)}`)
}
