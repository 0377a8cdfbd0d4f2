import { stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Disk } from './disk.ts'
import { readSysfsDisk } from './sysfs.ts'
import type { Roots } from './sysfs.ts'

/** Why what was opened, or what has the disk's name by now, is not that disk; undefined where it is. */
export async function whyNotSame(
  disk: Disk,
  roots: Roots,
  opened?: FileHandle,
): Promise<string | undefined> {
  if (opened) {
    const found = deviceOf(await opened.stat({ bigint: true }))
    if (found !== disk.device) {
      return `${disk.node} is ${found === '' ? 'no block device' : `device ${found}`}, not ${disk.device}`
    }
  }
  const now = await readSysfsDisk(disk.name, roots)
  if (!now) return `${disk.name} is gone`
  const isSame =
    now.device === disk.device &&
    now.attachment === disk.attachment &&
    isDeepStrictEqual(now.identity, disk.identity)
  return isSame ? undefined : `${disk.name} is another disk by now`
}

/** Major and minor number of the block device at a path; empty where there is none. */
export async function deviceAt(path: string): Promise<string> {
  return await stat(path, { bigint: true }).then(deviceOf, () => '')
}

function deviceOf({ mode, rdev }: { readonly mode: bigint; readonly rdev: bigint }): string {
  const isBlockDevice = (mode & 0o170000n) === 0o060000n
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffffffffn)
  return isBlockDevice ? `${major}:${minor}` : ''
}
