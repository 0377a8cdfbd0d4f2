import { dirname } from 'node:path'
import type { MountLine } from '../shared/mountinfo.ts'

/** What is looked for on a host; paths are absolute, and end in no slash. */
export type Wanted = {
  /** CLUSTER_ROOT. */
  readonly root: string
  /** The plugin's setting `cluster.source`. */
  readonly source: string
  /** CLUSTER_FSTYPE. */
  readonly types: readonly string[]
  /** Where the engine keeps its data: a plugin sees the host's folders from there. */
  readonly engine: string
}

export type Check = {
  readonly check: string
  /** `later`: not so yet, and not needed before the plugin is there. */
  readonly state: 'ok' | 'wrong' | 'later'
  readonly found: string
  /** Commands and sentences, a line each. */
  readonly todo: readonly string[]
}

const PLUGIN = 'berth-cluster:latest'

/** What can be said without asking the file system itself, of the host's mounts. */
export function checkMounts(wanted: Wanted, lines: readonly MountLine[]): readonly Check[] {
  const { root, source } = wanted
  const below = root.startsWith(source === '/' ? source : `${source}/`)
  if (!below) return [notBelow(wanted)]
  const line = lines.find(({ at }) => at === root)
  return [
    checkSource(wanted, lines),
    ...(line ? checkFileSystem(wanted, line) : [notMounted(wanted)]),
  ]
}

/** What is mounted on `root` later must arrive in the plugin. */
function checkSource({ root, source, engine }: Wanted, lines: readonly MountLine[]): Check {
  const check = `${source} is a shared mount point`
  const line = lines.find(({ at }) => at === source)
  const around = holderOf(dirname(root), lines)
  const shared = isShared(around)
  // The engine makes what lies on a mount of its own private.
  const arrives = shared && (line !== undefined || around?.at !== holderOf(engine, lines)?.at)
  if (arrives) {
    const found = line ? 'it is' : `it is a folder of ${around?.at}, which is one`
    return { check, state: 'ok', found, todo: [] }
  }
  const again = [
    `docker plugin disable ${PLUGIN}, and enable, where it is enabled already`,
    `in /etc/fstab, before what is mounted below: ${source} ${source} none rbind,rshared 0 0`,
  ]
  if (line) {
    const found = around === line ? 'it is not shared' : `${around?.at}, below it, is not shared`
    return { check, state: 'wrong', found, todo: [`mount --make-rshared ${source}`, ...again] }
  }
  return {
    check,
    state: 'wrong',
    found: 'it is a folder like others: what is mounted below it later never arrives in the plugin',
    todo: [`mount --rbind ${source} ${source}`, `mount --make-rshared ${source}`, ...again],
  }
}

function notBelow({ root, source }: Wanted): Check {
  const found =
    root === source
      ? 'it is the same: the plugin would keep the old file system when it is mounted again'
      : 'it is not: the plugin would not see it'
  return {
    check: `${root} is below cluster.source, ${source}`,
    state: 'wrong',
    found,
    todo: [
      dirname(root) === '/'
        ? `mount the file system below a folder of its own, such as /mnt${root}, and set CLUSTER_ROOT to that`
        : `docker plugin set ${PLUGIN} cluster.source=${dirname(root)}, while it is disabled`,
    ],
  }
}

function notMounted({ root }: Wanted): Check {
  return {
    check: `${root} is mounted`,
    state: 'wrong',
    found: 'it is not: what is written there goes to the disk underneath',
    todo: [`mount the cluster file system on ${root}`],
  }
}

function checkFileSystem({ root, types }: Wanted, line: MountLine): readonly Check[] {
  const { type, source, isReadOnly } = line
  const isAllowed = types.includes(type)
  return [
    { check: `${root} is mounted`, state: 'ok', found: `${type} from ${source}`, todo: [] },
    {
      check: 'Its type is one of CLUSTER_FSTYPE',
      state: isAllowed ? 'ok' : 'wrong',
      found: isAllowed ? type : `${type}; allowed are ${types.join(' ')}`,
      todo: isAllowed
        ? []
        : [
            `mount the cluster file system on ${root}`,
            `or, where this is it, docker plugin set ${PLUGIN} CLUSTER_FSTYPE=${type}, while it is disabled`,
          ],
    },
    {
      check: 'It can be written to',
      state: isReadOnly ? 'wrong' : 'ok',
      found: isReadOnly ? 'it is read-only' : 'it can',
      todo: isReadOnly ? [`mount -o remount,rw ${root}`] : [],
    },
  ]
}

/** The mount on which a folder lies. */
function holderOf(folder: string, lines: readonly MountLine[]): MountLine | undefined {
  const names = folder.split('/').filter(name => name !== '')
  for (let left = names.length; left >= 0; left--) {
    const path = `/${names.slice(0, left).join('/')}`
    const line = lines.find(({ at }) => at === path)
    if (line) return line
  }
  return undefined
}

const isShared = (line: MountLine | undefined): boolean =>
  line?.propagation.some(each => each.startsWith('shared:')) === true
