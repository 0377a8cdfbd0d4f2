import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '../../shared/replace-file.ts'
import { readClaim, writeClaim } from './claim-records.ts'
import type { VolumeClaim } from './claims.ts'
import { isVolumeClaim } from './claims.ts'

/** The volume's root inside its file system: never the file system's own, which has files of ours, and others'. */
export const dataOf = (mountPoint: string): string => join(mountPoint, 'data')

const fileOf = (mountPoint: string): string => join(mountPoint, '.claim.json')

/** Fills a new file system: whose it is, and the volume's root. Again: the same. */
export async function fill(mountPoint: string, claim: VolumeClaim): Promise<void> {
  const { uid, gid, mode } = claim.volume.options
  await replaceFile(fileOf(mountPoint), `${writeClaim(claim)}\n`)
  const root = dataOf(mountPoint)
  await mkdir(root, { recursive: true, mode: 0o755 })
  {
    await using folder = await open(root, 'r')
    if (uid !== undefined || gid !== undefined) await folder.chown(uid ?? 0, gid ?? 0)
    if (mode !== undefined) await folder.chmod(mode)
    await folder.sync()
  }
  await using top = await open(mountPoint, 'r')
  // Containers of other users pass through it, and see nothing else.
  await top.chmod(0o711)
  await top.sync()
}

/** @throws {Error} where there is none, or it cannot be read */
export async function readClaimFile(mountPoint: string): Promise<VolumeClaim> {
  const claim = readClaim(await readFile(fileOf(mountPoint), 'utf8'))
  if (!isVolumeClaim(claim)) throw new Error(`${fileOf(mountPoint)} names no volume`)
  return claim
}
