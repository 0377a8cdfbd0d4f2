import { constants } from 'node:fs'
import type { Stats } from 'node:fs'
import { lstat, mkdir, open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '../../shared/replace-file.ts'
import { readClaim, writeClaim } from './claim-records.ts'
import type { VolumeClaim } from './claims.ts'
import { isVolumeClaim } from './claims.ts'
import { optionsText, readSsdOptions } from './options.ts'

const MOST_BYTES = 64 * 1024

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

/**
 * What the file system says of itself. Somebody else may have made it, so that nothing of it is followed or believed
 * beyond its form.
 *
 * @throws {Error} where there is none, or it is not what `fill` leaves
 */
export async function readClaimFile(mountPoint: string): Promise<VolumeClaim> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  await using file = await open(fileOf(mountPoint), flags)
  const { size } = await requireFile(file)
  const { buffer } = await file.read(Buffer.alloc(size), 0, size, 0)
  const claim = readClaim(buffer.toString())
  if (!isVolumeClaim(claim)) throw new Error(`${fileOf(mountPoint)} names no volume`)
  const root = await lstat(dataOf(mountPoint))
  if (!root.isDirectory()) throw new Error(`${dataOf(mountPoint)} is no folder`)
  // Read again as if it were asked for: what is not allowed there is not allowed here.
  const options = readSsdOptions(optionsText(claim.volume.options))
  return { ...claim, volume: { ...claim.volume, options } }
}

async function requireFile(file: FileHandle): Promise<Stats> {
  const found = await file.stat()
  if (found.isFile() && found.size <= MOST_BYTES) return found
  throw new Error('The file that tells whose file system it is is no file, or far too long')
}
