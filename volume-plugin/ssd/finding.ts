import { Refusal } from '../../shared/refusal.ts'
import { keyOf } from './disk.ts'
import type { Disk, DiskKey } from './disk.ts'
import type { Disks } from './disks.ts'

/**
 * A disk by what stays the same of it, whatever it is named today.
 *
 * @returns undefined where it is not there, or there twice: one of two could be a copy
 */
export async function findDisk(disks: Disks, key: DiskKey): Promise<Disk | undefined> {
  const found = (await disks.list()).filter(({ identity }) => keyOf(identity) === key)
  return found.length === 1 ? found[0] : undefined
}

/** Whether there is such a disk, once or more often. */
export async function isThere(disks: Disks, key: DiskKey): Promise<boolean> {
  return (await disks.list()).some(({ identity }) => keyOf(identity) === key)
}

/**
 * The disk that an operator means by a kernel's name, a path, a world wide name, a serial number or a key.
 *
 * @throws {Refusal} `unknown-disk`
 */
export async function findMeant(disks: Disks, meant: string): Promise<Disk> {
  const found = (await disks.list()).filter(disk => namesOf(disk).includes(meant))
  if (found.length === 1 && found[0]) return found[0]
  const why = found.length === 0 ? 'There is no disk' : 'There are several disks'
  throw new Refusal('unknown-disk', `${why} ${meant} on this host: see berth disks`)
}

function namesOf({ name, node, links, identity, backingFile }: Disk): readonly string[] {
  const { wwid, serial } = identity
  const key = keyOf(identity) ?? ''
  return [name, node, ...links, wwid, serial, key, backingFile ?? ''].filter(each => each !== '')
}
