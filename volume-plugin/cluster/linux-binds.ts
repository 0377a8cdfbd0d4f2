import { readFile } from 'node:fs/promises'
import { command, words } from '../command.ts'
import { removeMountPoint } from '../mount-point.ts'
import { parseShownMounts } from '../../shared/mountinfo.ts'
import type { Binds } from './cluster-files.ts'

const DEADLINE_MS = 10_000
/** On one another. */
const MOST = 32

export class LinuxBinds implements Binds {
  async mounted(): Promise<readonly string[]> {
    return parseShownMounts(await readFile('/proc/self/mountinfo', 'utf8')).map(({ at }) => at)
  }

  async detach(at: string): Promise<void> {
    for (let left = MOST; (await this.mounted()).includes(at); left--) {
      // Its path is not looked up again, since what is mounted there may hang.
      const args = ['--lazy', '--no-canonicalize', '--', at]
      const ended = await command('umount', args, { deadlineMs: DEADLINE_MS })
      if (ended.code !== 0 || left === 0) {
        throw new Error(`${at} cannot be unmounted: ${words(ended)}`)
      }
    }
    // A folder that stays is in nobody's way, but that of people who look at it.
    await removeMountPoint(at).catch(() => {})
  }
}
