import type { VolumeName } from '../volume-name.ts'

/**
 * A folder below CLUSTER_ROOT: the names that lead to it from there, each a plain name. None is empty, `.`, `..`, or has a
 * slash or a NUL.
 */
export type Place = readonly string[]

/** What is Berth's own; no volume is there. */
export const OWN = '.berth'
/** In it, who this file system is. */
export const SENTINEL = 'cluster.json'

/** Where the folders of volumes are that nobody chose a place for. */
export const VOLUMES = 'volumes'
export const LOGS = 'logs'

/**
 * A volume's folder where nothing else was asked. The id is in it, since a name may be given to another volume, and how often
 * it was brought back: a host that is late, and renames or mounts what it was asked to a while ago, must find nothing.
 */
export const volumePlace = ({ name, id, restored }: Named & { readonly name: VolumeName }) => [
  VOLUMES,
  `${name}.${mark(id.slice(0, 8), restored)}`,
]

/** Each host has a folder of its own for the logs of an application. */
export const logPlace = (app: string, host: string, name: VolumeName): Place => [
  LOGS,
  app,
  host,
  name,
]

/** Where the folders of a removed volume are until they are destroyed. */
export const parkedPlace = ({ id, restored }: Named): Place => [OWN, 'parked', mark(id, restored)]

type Named = { readonly id: string; readonly restored: number }

const mark = (id: string, restored: number) => (restored === 0 ? id : `${id}-${restored}`)

const MOST_NAMES = 32
const LONGEST_NAME = 255
const LONGEST = 1024

/**
 * "projects/web", for a folder that is there already.
 *
 * @throws {Error} where it might leave CLUSTER_ROOT, or meet the folders that Berth makes
 */
export function parsePath(text: string): Place {
  const names = text.split('/')
  const isPlain = (name: string) =>
    name !== '' && name !== '.' && name !== '..' && Buffer.byteLength(name) <= LONGEST_NAME
  if (/\p{Cc}/u.test(text) || !names.every(isPlain)) {
    throw new Error(
      'Must be a path below CLUSTER_ROOT, such as projects/web: no slash at its ends, no "..", no control characters',
    )
  }
  if (names.length > MOST_NAMES || Buffer.byteLength(text) > LONGEST) {
    throw new Error(`Must be ${LONGEST} bytes and ${MOST_NAMES} folders at most`)
  }
  const [first = ''] = names
  if ([OWN, VOLUMES, LOGS].includes(first)) {
    throw new Error(`Must not be in ${first}/, where Berth makes and removes folders itself`)
  }
  return names
}

/** Whether one is the other, or is in it. */
export function overlap(a: Place, b: Place): boolean {
  return a.slice(0, b.length).every((name, at) => name === b[at])
}

export const pathOf = (place: Place): string => place.join('/')
