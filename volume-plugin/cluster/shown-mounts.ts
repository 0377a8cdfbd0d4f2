import { readFile } from 'node:fs/promises'
import { parseShownMounts } from '../../shared/mountinfo.ts'
import type { MountLine } from '../../shared/mountinfo.ts'
import { command, words } from '../command.ts'

const DEADLINE_MS = 10_000
/** On one another. */
const MOST = 32

/** What this process finds mounted. */
export async function shownMounts(): Promise<readonly MountLine[]> {
  return parseShownMounts(await readFile('/proc/self/mountinfo', 'utf8'))
}

/** Unmounts all that is on the path, lazily: containers keep what they have, and what hangs is not asked. */
export async function detach(path: string): Promise<void> {
  const isThere = async () => (await shownMounts()).some(({ at }) => at === path)
  for (let left = MOST; await isThere(); left--) {
    // Its path is not looked up again, since what is mounted there may hang.
    const args = ['--lazy', '--no-canonicalize', '--', path]
    const ended = await command('umount', args, { deadlineMs: DEADLINE_MS })
    if (ended.code !== 0 || left === 0) {
      throw new Error(`${path} cannot be unmounted: ${words(ended)}`)
    }
  }
}
