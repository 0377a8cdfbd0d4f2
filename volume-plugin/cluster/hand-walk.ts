import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { Refusal } from '../../shared/refusal.ts'
import { isSystemError } from '../../shared/system-error.ts'
import { parseShownMounts } from '../../shared/mountinfo.ts'
import type { MountLine } from '../../shared/mountinfo.ts'
import { requirePlain } from './plain-names.ts'
import { OWN } from './place.ts'
import type { Place } from './place.ts'
import { lookAtRoot } from './root.ts'
import type { RootSettings } from './root.ts'

/** Of `open`: only to stand on, which needs no right to read. */
const O_PATH = 0o10000000
const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants
const STAND = O_PATH | O_DIRECTORY | O_NOFOLLOW

/** A folder that is open, and where it was found. */
export type Folder = { readonly fd: number; readonly path: string }

/** The way to an entry of an open folder, whatever is renamed or mounted meanwhile. */
export const entry = ({ fd }: Folder, name: string): string => `/proc/self/fd/${fd}/${name}`
/** The open folder itself. */
export const itself = ({ fd }: Folder): string => `/proc/self/fd/${fd}`

/**
 * Goes from folder to folder through open ones: nobody who renames, links or mounts meanwhile leads it out of the file
 * system that was there at its beginning.
 */
export class Walk implements Disposable {
  /** Of the file system. */
  readonly line: MountLine
  readonly root: Folder
  readonly #opened: number[] = []

  /** @throws {Refusal} `cluster-away` */
  constructor(settings: RootSettings) {
    const { view, line } = lookAtRoot(settings, mounts())
    if (!line || view.why !== undefined) throw new Refusal('cluster-away', view.why ?? '')
    try {
      this.root = { fd: this.open(line.at, STAND), path: line.at }
      this.line = this.#requireSame(settings)
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#opened.splice(0)) closeSync(fd)
  }

  /** @returns a descriptor that the walk closes at its end */
  open(path: string, flags: number): number {
    const fd = openSync(path, flags)
    this.#opened.push(fd)
    return fd
  }

  /**
   * @returns undefined where there is no such folder
   * @throws {Refusal} `not-mounted` where something else is there
   */
  find(place: Place): Folder | undefined {
    let folder: Folder | undefined = this.root
    for (const name of place) folder = folder && this.enter(folder, name)
    return folder
  }

  /** As `find`, but makes what is missing: open to all for reading, but what is Berth's own. */
  reach(place: Place): Folder {
    return place.reduce<Folder>((folder, name) => this.make(folder, name).folder, this.root)
  }

  make(parent: Folder, name: string): { readonly folder: Folder; readonly isNew: boolean } {
    const there = this.enter(parent, name)
    if (there) return { folder: there, isNew: false }
    const isNew = makeOne(entry(parent, name), name === OWN ? 0o700 : 0o755)
    this.flush(parent)
    const folder = this.enter(parent, name)
    if (folder) return { folder, isNew }
    throw new Refusal('not-mounted', `${join(parent.path, name)} went while it was made: try again`)
  }

  /** As `find`, of one name. */
  enter(parent: Folder, name: string): Folder | undefined {
    const path = join(parent.path, requirePlain(name))
    try {
      const folder = { fd: this.open(entry(parent, name), STAND), path }
      if (this.has(folder.fd)) return folder
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return undefined
      if (!isSystemError(error, 'ENOTDIR') && !isSystemError(error, 'ELOOP')) throw error
      throw new Refusal(
        'not-mounted',
        `${path} is a link or a file, and only folders are walked through: nothing leads out of the cluster file system`,
      )
    }
    throw new Refusal(
      'not-mounted',
      `Something else is mounted on ${path}: nothing leads out of the cluster file system; unmount it`,
    )
  }

  /** Whether what is open is of this mount, and no other's that is mounted in it. */
  has(fd: number): boolean {
    return mountOf(fd) === this.line.id
  }

  /** @throws {Refusal} `not-mounted` where it was moved since, or something is mounted in it */
  requireStill(folder: Folder): void {
    const now = readlinkSync(itself(folder))
    if (now !== folder.path) {
      throw new Refusal('not-mounted', `${folder.path} is ${now} by now: try again`)
    }
    const below = mounts().find(({ at }) => at.startsWith(`${folder.path}/`))
    if (!below) return
    throw new Refusal('not-mounted', `Something is mounted on ${below.at}: unmount it first`)
  }

  /** What was made or renamed in it is there after a power cut too, where the file system can do that. */
  flush(folder: Folder): void {
    try {
      fsyncSync(this.open(itself(folder), O_RDONLY | O_DIRECTORY))
    } catch (error) {
      const isUnable = ['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EACCES', 'EBADF']
      if (!isUnable.some(code => isSystemError(error, code))) throw error
    }
  }

  /** Read after it was opened, so that the id is no other's. */
  #requireSame(settings: RootSettings): MountLine {
    const id = mountOf(this.root.fd)
    const { view, line } = lookAtRoot(settings, mounts())
    if (line && view.why === undefined && line.id === id) return line
    throw new Refusal(
      'cluster-away',
      view.why ?? `What is mounted on ${settings.root} is hidden, or has just changed: try again`,
    )
  }
}

export function mounts(): readonly MountLine[] {
  return parseShownMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
}

function mountOf(fd: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
  return Number(/^mnt_id:\s*(\d+)$/m.exec(text)?.[1])
}

/** @returns false where somebody was faster */
function makeOne(path: string, mode: number): boolean {
  try {
    mkdirSync(path, { mode })
    return true
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false
    throw error
  }
}
