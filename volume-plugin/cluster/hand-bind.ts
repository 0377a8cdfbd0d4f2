import { fstatSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Refusal } from '../../shared/refusal.ts'
import { command, words } from '../command.ts'
import { detach } from './shown-mounts.ts'
import { mounts } from './hand-walk.ts'
import type { Folder, Walk } from './hand-walk.ts'
import { pathOf } from './place.ts'
import type { Place } from './place.ts'

const DEADLINE_MS = 30_000

/** Mounts the folder on `at`, from the open folder, so that it is that one whatever the way to it is by now. */
export async function bind(walk: Walk, place: Place, at: string): Promise<void> {
  const folder = walk.find(place)
  if (!folder) {
    throw new Refusal(
      'not-mounted',
      `There is no folder ${pathOf(place)} in ${walk.root.path}: somebody removed or renamed it there`,
    )
  }
  walk.requireStill(folder)
  if (isBound(walk, place, folder, at)) return
  await detach(at)
  const args = ['--bind', '--no-canonicalize', '--no-mtab', '--', '/proc/self/fd/3', at]
  const ended = await command('mount', args, { deadlineMs: DEADLINE_MS, descriptor: folder.fd })
  if (ended.code !== 0) {
    throw new Refusal('not-mounted', `${folder.path} cannot be mounted: ${words(ended)}`)
  }
  if (isBound(walk, place, folder, at)) return
  await detach(at)
  throw new Refusal(
    'not-mounted',
    `${folder.path} changed while it was mounted, and was unmounted again: try again`,
  )
}

function isBound(walk: Walk, place: Place, folder: Folder, at: string): boolean {
  const there = mounts().find(each => each.at === at)
  if (there?.device !== walk.line.device) return false
  return there.root === join(walk.line.root, ...place) && isSame(folder, at)
}

/** A folder that was made anew has the same path; what is stale cannot even be looked at. */
function isSame({ fd }: Folder, at: string): boolean {
  try {
    const [wanted, there] = [fstatSync(fd, { bigint: true }), statSync(at, { bigint: true })]
    return wanted.dev === there.dev && wanted.ino === there.ino
  } catch {
    return false
  }
}
