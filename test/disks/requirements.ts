import { existsSync } from 'node:fs'
import t from 'tap'

const TOOLS = ['losetup', 'mkfs.xfs', 'blkid', 'wipefs']
const FOLDERS = ['/usr/sbin', '/sbin', '/usr/bin', '/bin']

/** Why this machine has no loop devices for tests; undefined where it has. */
export function whyNoDisks(): string | undefined {
  if (process.getuid?.() !== 0) return 'tests of disks need root'
  if (!existsSync('/dev/loop-control')) return 'tests of disks need loop devices'
  const missing = TOOLS.filter(tool => !FOLDERS.some(folder => existsSync(`${folder}/${tool}`)))
  return missing.length > 0 ? `tests of disks need ${missing.join(', ')}` : undefined
}

/** As `whyNoDisks`, for disks whose cache can be lost. */
export function whyNoVolatileDisks(): string | undefined {
  if (whyNoDisks() !== undefined) return whyNoDisks()
  if (!existsSync('/dev/fuse')) return 'disks with a volatile cache need /dev/fuse'
  const library = '/usr/lib/python3/dist-packages/fusepy.py'
  return existsSync(library) ? undefined : 'disks with a volatile cache need python3-fusepy'
}

/** False, said as a skipped test, where something is missing; a failure on a machine that checks changes. */
export function canUseDisks(why: string | undefined = whyNoDisks()): boolean {
  if (why === undefined) return true
  if (process.env['CI'] === 'true') t.fail(why)
  else t.pass('tests of disks', { skip: why })
  return false
}
