import { readFile } from 'node:fs/promises'
import { parseShownMounts } from '../../shared/mountinfo.ts'
import type { Binds } from './cluster-files.ts'
import { removeStand } from './mount-stand.ts'

export class LinuxBinds implements Binds {
  async mounted(): Promise<readonly string[]> {
    return parseShownMounts(await readFile('/proc/self/mountinfo', 'utf8')).map(({ at }) => at)
  }

  async detach(at: string): Promise<void> {
    await removeStand(at)
  }
}
