import { chmod, lstat, mkdir, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isSystemError } from '../shared/system-error.ts'
import { command } from './command.ts'

const DEADLINE_MS = 10_000

/**
 * A folder that nobody writes to while nothing is mounted on it: without any permission, and immutable where the file system
 * and our privileges have that. One that is there already is fine.
 */
export async function makeMountPoint(at: string): Promise<void> {
  await mkdir(at, { mode: 0 }).catch(error => {
    if (!isSystemError(error, 'EEXIST')) throw error
  })
  await requireBare(at)
  if (((await lstat(at)).mode & 0o777) !== 0) await chmod(at, 0)
  await chattr('+i', at)
}

/** Only an empty folder goes, and none on which something is mounted. */
export async function removeMountPoint(at: string): Promise<void> {
  try {
    await requireBare(at)
    await chattr('-i', at)
    await rmdir(at)
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error
  }
}

/** What is mounted there would be changed in its place. */
async function requireBare(at: string): Promise<void> {
  const [folder, parent] = [await lstat(at), await lstat(dirname(at))]
  if (!folder.isDirectory()) throw new Error(`${at} is no folder: remove it`)
  if (folder.dev !== parent.dev) throw new Error(`Something is mounted on ${at}: unmount it first`)
}

/** Not every file system can, and a plugin may not. */
async function chattr(flag: '+i' | '-i', at: string): Promise<void> {
  await command('chattr', [flag, '--', at], { deadlineMs: DEADLINE_MS }).catch(() => undefined)
}
