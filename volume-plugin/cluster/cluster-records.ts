import * as v from '@badrap/valita'
import type { Entry } from '../../shared/store.ts'
import { hex, name, time } from '../record-values.ts'
import type { HostNotes, MountNote } from './cluster-book.ts'
import type { ClusterId } from './cluster-files.ts'
import { decodeClusterOptions } from './cluster-options.ts'
import type { ParkedRecord, RemovalId, VolumeId, VolumeRecord } from './volume-record.ts'

/** What the values of the store and of this host's book say. The version is in the key (`v1/`). */

const volumeId = hex.map(id => id as VolumeId)
const removalId = hex.map(id => id as RemovalId)
const clusterId = hex.map(id => id as ClusterId)
const count = v.number().assert(value => Number.isSafeInteger(value) && value >= 0, 'not a count')

const user = v.object({
  name: v.string(),
  op: v.string(),
  generation: count,
  boot: v.string(),
  since: time,
})

const volume = v.object({
  id: volumeId,
  name,
  options: v.unknown().map(decodeClusterOptions),
  created: time,
  createdBy: v.string(),
  state: v.union(
    v.literal('making'),
    v.literal('ready'),
    v.literal('removing'),
    v.literal('restoring'),
  ),
  restored: count,
  users: v.record(user),
  removal: removalId.optional(() => undefined),
  broken: v.object({ host: v.string(), name: v.string(), at: time }).optional(() => undefined),
})

const parked = v.object({
  volume,
  removal: removalId,
  state: v.union(v.literal('parked'), v.literal('destroying')),
  since: time,
  by: v.string(),
  keepMs: count,
})

/**
 * A host as the store knows it, by its id.
 *
 * - `generation` is raised by whoever takes a volume from it: it finds out at its next transaction.
 * - `nonce` is another with each of its own writes: so it knows its own record, and a copy of it.
 */
export type HostRecord = v.Infer<typeof host>
const host = v.object({ name: v.string(), generation: count, nonce: v.string() })

/** The cluster file system, and a nonce that changes with every volume at a place that somebody chose. */
export type ClusterRecord = v.Infer<typeof cluster>
const cluster = v.object({ id: clusterId, paths: v.string() })

const mountNote = v.object({
  volume: volumeId.optional(() => undefined),
  op: v.string(),
  since: time,
  state: v.union(
    v.literal('taking'),
    v.literal('taken'),
    v.literal('untold'),
    v.literal('leaving'),
    v.literal('lost'),
  ),
  broken: v.string().optional(),
  isForfeited: v.boolean().optional(),
  ids: v.record(count),
})
/** With the boot that it is of: of another one nothing else is read. */
const bootMountNote = v.object({ boot: v.string(), note: mountNote })
const bootOfNote = v.object({ boot: v.string(), note: v.unknown() })

const hostNotes = v.object({
  history: v.string(),
  cluster: clusterId.optional(() => undefined),
  generation: count,
  nonces: v.array(v.string()),
  formerNonces: v.array(v.string()),
  boot: v.string().optional(() => undefined),
})

/** Something at a key, of the store or of the book. */
export type Row = Pick<Entry, 'key' | 'value'>

export const readVolume = reader<VolumeRecord>(volume)
export const readParked = reader<ParkedRecord>(parked)
export const readHost = reader<HostRecord>(host)
export const readCluster = reader<ClusterRecord>(cluster)
export const readMountNote = reader<{ readonly boot: string; readonly note: MountNote }>(
  bootMountNote,
)
export const readBootOf = reader<{ readonly boot: string }>(bootOfNote)
export const readKept = reader<number>(count)
export const readHostNotes = reader<HostNotes>(hostNotes)

export const write = (
  record:
    | VolumeRecord
    | ParkedRecord
    | HostRecord
    | ClusterRecord
    | HostNotes
    | { readonly boot: string; readonly note: MountNote }
    | number,
): string => JSON.stringify(record)

/**
 * A reader of entries: undefined stays undefined. It throws, naming the key, for a value that is no such record or that has
 * a member which this version does not know.
 */
function reader<T>(type: v.Type<T>): {
  (row: Row): T
  (row: Row | undefined): T | undefined
}
function reader<T>(type: v.Type<T>) {
  return (row: Row | undefined): T | undefined => {
    if (!row) return undefined
    try {
      return type.parse(JSON.parse(row.value))
    } catch (cause) {
      throw new Error(
        `The record ${row.key} cannot be read (${(cause as Error).message}): is this version older than the one that wrote it?`,
        { cause },
      )
    }
  }
}
