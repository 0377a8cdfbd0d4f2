import {
  chmodSync,
  chownSync,
  fstatSync,
  lstatSync,
  opendirSync,
  readdirSync,
  renameSync,
} from 'node:fs'
import { Refusal } from '../../shared/refusal.ts'
import { isSystemError } from '../../shared/system-error.ts'
import { CommandLate, command, words } from '../command.ts'
import { bind } from './hand-bind.ts'
import { readSentinel, writeSentinel } from './hand-sentinel.ts'
import { Walk, entry, itself } from './hand-walk.ts'
import type { Folder } from './hand-walk.ts'
import type { Job } from './hand-words.ts'
import { OWN, pathOf } from './place.ts'
import type { Place } from './place.ts'
import { requirePlain } from './plain-names.ts'
import type { RootSettings } from './root.ts'

/** Does a job of ClusterFiles, and may hang for as long as the file system does. */
export async function doJob(settings: RootSettings, job: Job): Promise<unknown> {
  using walk = new Walk(settings)
  if (job.do === 'init') return writeSentinel(walk, job.id)
  const id = readSentinel(walk)
  requireExpected(settings, id, job.expected)
  if (job.do === 'check') return id
  if (id === undefined) throw unknownCluster(settings)
  if (job.do === 'make') return make(walk, job.place, job)
  if (job.do === 'bind') return await bind(walk, job.place, job.at)
  if (job.do === 'move') return move(walk, job.from, job.to)
  if (job.do === 'folders') return folders(walk, job.place)
  return await destroy(walk, job.place, job.withinMs)
}

function requireExpected(
  { root }: RootSettings,
  id: string | undefined,
  expected: string | undefined,
): void {
  if (id === undefined || expected === undefined || id === expected) return
  throw new Refusal(
    'cluster-away',
    `The file system on ${root} is another one: its id is ${id}, and not ${expected}; mount the right one`,
  )
}

const unknownCluster = ({ root }: RootSettings): Refusal =>
  new Refusal(
    'cluster-away',
    `The file system on ${root} has no ${OWN}/cluster.json, so that nobody knows that it is the right one: if it is, and new, run "berth cluster init"`,
  )

type Given = {
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly mode?: number | undefined
}

function make(walk: Walk, place: Place, { uid, gid, mode }: Given): void {
  const parent = walk.reach(place.slice(0, -1))
  const { folder, isNew } = walk.make(parent, nameOf(place))
  if (!isNew && !isEmpty(folder)) {
    throw new Refusal(
      'volume-exists',
      `The folder ${pathOf(place)} is there already and has files in it: move it away, or choose another name`,
    )
  }
  walk.requireStill(folder)
  if (uid !== undefined || gid !== undefined) {
    const { uid: ownUid, gid: ownGid } = fstatSync(folder.fd)
    chownSync(itself(folder), uid ?? ownUid, gid ?? ownGid)
  }
  if (mode !== undefined) chmodSync(itself(folder), mode)
  walk.flush(folder)
}

function isEmpty(folder: Folder): boolean {
  const entries = opendirSync(itself(folder))
  try {
    return entries.readSync() === null
  } finally {
    entries.closeSync()
  }
}

function move(walk: Walk, from: Place, to: Place): 'moved' | 'gone' {
  const parent = walk.find(from.slice(0, -1))
  const folder = parent && walk.enter(parent, nameOf(from))
  if (!parent || !folder) return 'gone'
  const target = walk.reach(to.slice(0, -1))
  walk.requireStill(folder)
  try {
    renameSync(entry(parent, nameOf(from)), entry(target, nameOf(to)))
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return 'gone'
    throw refusalOfRename(error, from, to)
  }
  walk.flush(target)
  walk.flush(parent)
  return 'moved'
}

function refusalOfRename(error: unknown, from: Place, to: Place): unknown {
  const is = (...codes: string[]) => codes.some(code => isSystemError(error, code))
  if (is('ENOTEMPTY', 'EEXIST')) {
    return new Refusal(
      'volume-exists',
      `The folder ${pathOf(to)} is there already and has files in it: move it away`,
    )
  }
  if (is('ENOTDIR', 'EISDIR')) {
    return new Refusal('not-mounted', `${pathOf(to)} is a link or a file: move it away`)
  }
  if (is('EBUSY')) {
    return new Refusal('not-mounted', `Something is mounted on ${pathOf(from)}: unmount it first`)
  }
  return error
}

function folders(walk: Walk, place: Place): readonly string[] {
  const folder = walk.find(place)
  if (!folder) return []
  const entries = readdirSync(itself(folder), { withFileTypes: true })
  return entries.filter(each => each.isDirectory()).map(({ name }) => name)
}

/** By `rm`, which follows no links and is not misled by who swaps folders under it. */
async function destroy(walk: Walk, place: Place, deadlineMs: number): Promise<'gone' | 'more'> {
  if (place[0] !== OWN || place[1] !== 'parked' || place.length < 3) {
    throw new Refusal(
      'not-mounted',
      `${pathOf(place)} is not in ${OWN}/parked: it is not destroyed`,
    )
  }
  const parent = walk.find(place.slice(0, -1))
  if (!parent || !isThere(entry(parent, requirePlain(nameOf(place))))) return 'gone'
  const folder = walk.enter(parent, nameOf(place))
  if (!folder) return 'gone'
  walk.requireStill(folder)
  const way = `/proc/self/fd/3/${nameOf(place)}`
  try {
    const args = ['-rf', '--one-file-system', '--', way]
    const ended = await command('rm', args, { deadlineMs, descriptor: parent.fd })
    if (ended.code !== 0 && isThere(entry(parent, nameOf(place)))) {
      throw new Error(`${pathOf(place)} cannot be destroyed: ${words(ended)}`)
    }
  } catch (error) {
    if (!(error instanceof CommandLate)) throw error
    await error.gone
    return 'more'
  }
  walk.flush(parent)
  return 'gone'
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function nameOf(place: Place): string {
  const name = place.at(-1)
  if (name !== undefined) return requirePlain(name)
  throw new Refusal('not-mounted', 'CLUSTER_ROOT itself is no volume')
}
