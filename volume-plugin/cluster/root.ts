import { dirname, join } from 'node:path'
import type { MountLine } from '../../shared/mountinfo.ts'

export type RootSettings = {
  /** CLUSTER_ROOT: where the host has the file system mounted; empty: nowhere yet. */
  readonly root: string
  /** CLUSTER_MOUNT: where the host's folder `cluster.source` is seen here; empty: the host's paths are ours. */
  readonly mount: string
  /** CLUSTER_FSTYPE. */
  readonly types: readonly string[]
}

/** What can be said of the cluster file system without asking it. */
export type RootView = {
  /** On the host. */
  readonly root: string
  /** As this process sees it; undefined where nothing is mounted. */
  readonly at: string | undefined
  readonly type: string | undefined
  readonly source: string | undefined
  readonly ok: boolean
  readonly why: string | undefined
}

export type Located = { readonly view: RootView; readonly line: MountLine | undefined }

/** @param lines of this process' mountinfo */
export function lookAtRoot(settings: RootSettings, lines: readonly MountLine[]): Located {
  const line = locate(settings.root, settings.mount, lines)
  const why = whyNotThere(settings, lines)
  const { at, type, source } = line ?? { at: undefined, type: undefined, source: undefined }
  return { view: { root: settings.root, at, type, source, ok: why === undefined, why }, line }
}

/**
 * The mount that the host has at `root`. Which of its folders is seen at `mount` is not known here, so that "/srv/data" is
 * looked for at "/cluster/srv/data", then at "/cluster/data"; "/cluster" itself is somebody's mistake.
 */
export function locate(
  root: string,
  mount: string,
  lines: readonly MountLine[],
): MountLine | undefined {
  if (root === '') return undefined
  const names = root.split('/').filter(name => name !== '')
  const places =
    mount === '' ? [join('/', ...names)] : names.map((_, at) => join(mount, ...names.slice(at)))
  return places.map(place => lines.find(({ at }) => at === place)).find(line => line !== undefined)
}

/** Every fault, each with what would help; undefined where the right file system may be there. */
export function whyNotThere(
  settings: RootSettings,
  lines: readonly MountLine[],
): string | undefined {
  const { root, mount } = settings
  if (root === '') {
    return 'CLUSTER_ROOT is empty: set it to the path at which the host has the cluster file system mounted'
  }
  const line = locate(root, mount, lines)
  const folder = lines.find(({ at }) => mount !== '' && at === mount)
  const faults = [
    folder && !line && isOneOf(settings, folder) ? whyNotItself(settings, folder) : undefined,
    mount !== '' ? whyNothingArrives(settings, folder, line) : undefined,
    line
      ? whyNotRight(settings, line)
      : `Nothing is mounted on ${root}: mount the cluster file system there`,
  ]
  const [first, ...more] = faults.filter(fault => fault !== undefined)
  // Of a source that is wrong, what is seen through it says nothing.
  return line ? [first, ...more].filter(Boolean).join('. ') || undefined : first
}

function whyNotRight({ root, types }: RootSettings, line: MountLine): string | undefined {
  const { type, source, isReadOnly } = line
  if (!types.includes(type)) {
    return `On ${root} there is ${type} (${source}), and CLUSTER_FSTYPE allows ${types.join(' ')}: mount the right one, or set CLUSTER_FSTYPE`
  }
  return isReadOnly ? `${root} is read-only: mount it for writing` : undefined
}

function isOneOf({ types }: RootSettings, { type }: MountLine): boolean {
  return types.includes(type)
}

function whyNotItself({ root }: RootSettings, { type }: MountLine): string {
  return `The plugin was given the mount point itself (${type}), so that it keeps the old file system when the host mounts it again: disable the plugin, set cluster.source to ${dirname(root)}, a shared mount point above CLUSTER_ROOT, ${root}, and enable it`
}

/** What the host mounts later arrives only where the folder was passed on from a shared mount point. */
function whyNothingArrives(
  { root, mount }: RootSettings,
  folder: MountLine | undefined,
  line: MountLine | undefined,
): string | undefined {
  if (folder?.propagation.some(each => /^(?:master|shared):/.test(each))) return undefined
  const source = sourceOf(root, mount, folder, line)
  if (source === '/') {
    return `The file system on ${root} has no folder of its own above it that the plugin could be given: mount it below one, such as /mnt${root}, and set CLUSTER_ROOT to that`
  }
  return `What the host mounts below ${source} after the plugin was enabled does not arrive in it, since that is no shared mount point: run "mount --rbind ${source} ${source}" and "mount --make-rshared ${source}" on the host, then disable the plugin, set cluster.source=${source}, and enable it`
}

/** The host's name of the folder, as far as it can be known: if in doubt, the one above CLUSTER_ROOT. */
function sourceOf(
  root: string,
  mount: string,
  folder: MountLine | undefined,
  line: MountLine | undefined,
): string {
  const suffix = line?.at.slice(mount.length) ?? ''
  if (suffix !== '' && root.endsWith(suffix)) return root.slice(0, -suffix.length) || '/'
  if (folder && folder.root !== '/' && root.startsWith(`${folder.root}/`)) return folder.root
  return dirname(root)
}
