import type { Host } from '../../shared/host.ts'
import type { Volume } from '../volumes.ts'
import { clusterOptionsText } from './cluster-options.ts'
import type { Mirror } from './mirror.ts'
import type { MountNotes } from './mount-notes.ts'
import type { Mounting } from './mounting.ts'
import { pathOf } from './place.ts'
import type { ParkedRecord, VolumeId, VolumeRecord } from './volume-record.ts'

/** What views are made of. */
export type Known = {
  readonly host: Host
  readonly mirror: Mirror
  readonly notes: MountNotes
  readonly mounting: Mounting
}

/** A volume as `docker volume inspect` shows it. */
export function volumeOf(record: VolumeRecord, known: Known): Volume {
  const { name, created, state, options, users } = record
  const { mirror, mounting, notes } = known
  return {
    name,
    created,
    mountpoint: mounting.rootOf(name),
    status: {
      state: notes.get(name)?.state === 'lost' ? 'lost' : state,
      path: pathOf(mounting.placeOf(record)),
      access: options.access,
      options: clusterOptionsText(options),
      mountedOn: Object.values(users).map(user => `${user.name} since ${user.since}`),
      ...(mirror.isStale ? { stale: 'etcd is away: this is what it was when it was there' } : {}),
    },
  }
}

/** A volume as the operator sees it. */
export function volumeView(record: VolumeRecord, known: Known & Problems): object {
  const { id, name, state, options, created, createdBy, broken } = record
  const { mounting, notes, retention } = known
  const problem = retention.problemOf(id)
  const note = notes.get(name)
  return {
    name,
    id,
    state,
    access: options.access,
    path: pathOf(mounting.placeOf(record)),
    options: clusterOptionsText(options),
    created,
    createdBy,
    users: usersOf(record, known.host),
    ...(note ? { here: { state: note.state, since: note.since, mounts: note.ids } } : {}),
    ...(broken ? { broken } : {}),
    ...(problem === undefined ? {} : { problem }),
    mountpoint: mounting.rootOf(name),
  }
}

/** A removed volume as the operator sees it; how long it is kept is counted by each host for itself. */
export function parkedView(parked: ParkedRecord, known: Known & Problems): object {
  const { volume, state, since, by, keepMs } = parked
  const { id, name, options, created, createdBy } = volume
  const problem = known.retention.problemOf(id)
  const leftMs = Math.max(0, keepMs - known.retention.keptFor(parked))
  return {
    name,
    id,
    state,
    access: options.access,
    path: pathOf(known.mounting.placeOf(volume)),
    options: clusterOptionsText(options),
    created,
    createdBy,
    users: [],
    parked: { since, by, leftMs },
    ...(problem === undefined ? {} : { problem }),
  }
}

type Problems = {
  readonly retention: {
    problemOf(id: VolumeId): string | undefined
    keptFor(parked: ParkedRecord): number
  }
}

function usersOf({ users }: VolumeRecord, { id: self }: Host): object[] {
  return Object.entries(users).map(([host, { name, since }]) => ({
    host,
    name,
    since,
    self: host === self,
  }))
}
