import type { Binds } from './cluster-files.ts'
import { shownMounts } from './shown-mounts.ts'
import { removeStand } from './mount-stand.ts'

export class LinuxBinds implements Binds {
  async mounted(): Promise<readonly string[]> {
    return (await shownMounts()).map(({ at }) => at)
  }

  async detach(at: string): Promise<void> {
    await removeStand(at)
  }
}
