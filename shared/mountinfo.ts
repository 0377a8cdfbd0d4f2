import { dirname } from 'node:path'

/** A line of `/proc/self/mountinfo` (proc(5)). */
export type MountLine = {
  /** Of this mount, while it is there: what `mnt_id` in `/proc/self/fdinfo` says of an open file. */
  readonly id: number
  /** `259:0`. */
  readonly device: string
  /** What of the file system is mounted: `/`, or a folder of it. */
  readonly root: string
  readonly at: string
  readonly isReadOnly: boolean
  /** What is mounted later below its origin on the host arrives here too: `shared:N` or `master:N`. */
  readonly propagation: readonly string[]
  readonly type: string
  /** What was mounted, as it was named then: some file systems have a device number that is no disk's. */
  readonly source: string
}

/** In the order in which they were mounted; what a later one on the same mount point hides is not among them. */
export function parseMountinfo(text: string): readonly MountLine[] {
  const last = new Map<string, MountLine>()
  for (const { line } of readLines(text)) {
    last.delete(line.at)
    last.set(line.at, line)
  }
  return [...last.values()]
}

/**
 * Only those that are found by walking their path: a host has mounts that are hidden below others, and the last one on a
 * path need not be the one that is found there.
 */
export function parseShownMounts(text: string): readonly MountLine[] {
  const placed = readLines(text)
  const byId = new Map(placed.map(each => [each.line.id, each]))
  const pointsOn = new Map<number, Set<string>>()
  for (const { line, parent } of placed) {
    if (parent === line.id) continue
    pointsOn.set(parent, (pointsOn.get(parent) ?? new Set()).add(line.at))
  }
  const isOn = (id: number, point: string) => pointsOn.get(id)?.has(point) ?? false
  const isReached = ({ line, parent: id }: Placed): boolean => {
    const parent = byId.get(id)
    if (!parent || id === line.id) return true
    const isFree = between(parent.line.at, line.at).every(folder => !isOn(id, folder))
    return isFree && isReached(parent)
  }
  const shown = placed.filter(each => isReached(each) && !isOn(each.line.id, each.line.at))
  return shown.map(({ line }) => line)
}

/** The folders above `path`, up to `top`, which is one of them; none where they are the same. */
function between(top: string, path: string): readonly string[] {
  const folders: string[] = []
  for (let at = path; at !== top && at !== '/';) folders.push((at = dirname(at)))
  return folders
}

type Placed = { readonly line: MountLine; readonly parent: number }

function readLines(text: string): readonly Placed[] {
  return text
    .split('\n')
    .filter(each => each !== '')
    .map(readLine)
}

function readLine(line: string): Placed {
  const fields = line.split(' ')
  const [id, parent, device = '', root = '', at = '', options = ''] = fields
  const dash = fields.indexOf('-')
  const [type = '', source = '', superOptions = ''] = fields.slice(dash + 1)
  return {
    parent: Number(parent),
    line: {
      id: Number(id),
      device,
      root: unescapeOctal(root),
      at: unescapeOctal(at),
      isReadOnly: [options, superOptions].some(each => each.split(',').includes('ro')),
      propagation: fields.slice(6, dash),
      type,
      source: unescapeOctal(source),
    },
  }
}

/** The paths of `/proc/swaps`. */
export function parseSwaps(text: string): readonly string[] {
  const [, ...lines] = text.split('\n')
  return lines
    .map(line => line.split(/\s+/)[0] ?? '')
    .filter(each => each !== '')
    .map(unescapeOctal)
}

/** The kernel writes a space as `\040`. Bytes, since a path need not be of ASCII alone. */
function unescapeOctal(text: string): string {
  const bytes = Buffer.from(text)
  const plain: number[] = []
  for (let at = 0; at < bytes.length; at++) {
    const octal = /^\\([0-7]{3})/.exec(bytes.toString('latin1', at, at + 4))?.[1]
    if (octal !== undefined) at += 3
    plain.push(octal === undefined ? (bytes[at] ?? 0) : Number.parseInt(octal, 8))
  }
  return Buffer.from(plain).toString()
}
