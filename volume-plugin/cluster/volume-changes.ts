import { Refusal } from '../../shared/refusal.ts'
import type { VolumeName } from '../volume-name.ts'
import { sameClusterOptions } from './cluster-options.ts'
import type {
  Change,
  ParkedChange,
  ParkedRecord,
  RemovalId,
  User,
  VolumeRecord,
} from './volume-record.ts'

/** What becomes of a volume when somebody asks something of it: each function decides from what the store has alone. */

const NOTHING: Change = { do: 'nothing' }

/**
 * What is being made with other options nobody was told of: it is replaced.
 *
 * @throws {Refusal} `volume-exists` where the name stands for something else
 */
export function beginMaking(found: VolumeRecord | undefined, wanted: VolumeRecord): Change {
  if (!found) return { do: 'put', record: wanted }
  const isSame = sameClusterOptions(found.options, wanted.options)
  if (found.state === 'making') return isSame ? NOTHING : { do: 'put', record: wanted }
  if (!isSame) throw otherOptions(found)
  if (found.state !== 'ready') throw underWay(found)
  return NOTHING
}

/** The folder of `begun` is there. */
export function finishMaking(found: VolumeRecord | undefined, begun: VolumeRecord): Change {
  if (!found) throw gone(begun.name)
  if (found.state === 'making' && found.id === begun.id) return ready(found)
  if (!sameClusterOptions(found.options, begun.options)) throw otherOptions(found)
  if (found.state !== 'ready') throw underWay(found)
  return NOTHING
}

/** Of a folder that cannot be made nobody was told. */
export function giveUpMaking(found: VolumeRecord | undefined, { id }: VolumeRecord): Change {
  return found?.state === 'making' && found.id === id ? { do: 'delete' } : NOTHING
}

/**
 * The host has the volume mounted from now on.
 *
 * @throws {Refusal} `held-elsewhere` where it is exclusive and another host has it
 */
export function join(
  found: VolumeRecord | undefined,
  name: VolumeName,
  host: string,
  user: User,
): Change {
  const record = requireReady(found, name)
  const [other] = Object.entries(record.users).filter(([id]) => id !== host)
  if (record.options.access === 'exclusive' && other) throw heldBy(record, other[1])
  return { do: 'put', record: { ...record, users: { ...record.users, [host]: user } } }
}

/** Of another taking than `op` nothing is to do: that is later, or was taken away. */
export function leave(found: VolumeRecord | undefined, host: string, op: string): Change {
  if (found?.users[host]?.op !== op) return NOTHING
  const { [host]: _, ...users } = found.users
  return { do: 'put', record: { ...found, users } }
}

/**
 * Whoever removed it before does so no more.
 *
 * @throws {Refusal} `volume-in-use` with the hosts that have it mounted
 */
export function beginRemoving(found: VolumeRecord | undefined, removal: RemovalId): Change {
  if (!found) return NOTHING
  if (found.state === 'making') return { do: 'delete' }
  if (found.state === 'restoring') throw underWay(found)
  const users = Object.values(found.users)
  if (users.length > 0) {
    const hosts = users.map(({ name, since }) => `${name} since ${since}`).join(', ')
    throw new Refusal(
      'volume-in-use',
      `The volume ${found.name} is mounted on ${hosts}: stop the containers there that use it; if docker ps --filter volume=${found.name} shows none there, or the host is gone for good: berth volume break-lock ${found.name}`,
    )
  }
  return { do: 'put', record: { ...found, state: 'removing', removal } }
}

/**
 * Its folder is aside. Of a folder that an operator named, nothing is: created with the same path again, the volume is what
 * it was.
 */
export function finishRemoving(found: VolumeRecord | undefined, parked: ParkedRecord): Change {
  if (!found || found.id !== parked.volume.id) return NOTHING
  if (found.state !== 'removing' || found.removal !== parked.removal) throw overtaken(found)
  if (found.options.path) return { do: 'delete' }
  return { do: 'park', parked: { ...parked, volume: found } }
}

/** Its folder is where it was. */
export function giveUpRemoving(found: VolumeRecord | undefined, removal: RemovalId): Change {
  return found?.state === 'removing' && found.removal === removal ? ready(found) : NOTHING
}

/** @throws {Refusal} `volume-exists` where it is not parked any more */
export function beginRestoring(found: ParkedRecord | undefined, name: VolumeName): ParkedChange {
  const { volume } = requireParked(found, name)
  const restored = volume.restored + 1
  return { do: 'restore', record: { ...volume, state: 'restoring', restored } }
}

export function finishRestoring(found: VolumeRecord | undefined, { id }: VolumeRecord): Change {
  return found?.state === 'restoring' && found.id === id ? ready(found) : NOTHING
}

/** Its folder is not there to be put back. */
export function giveUpRestoring(found: VolumeRecord | undefined, parked: ParkedRecord): Change {
  const isIt = found?.state === 'restoring' && found.id === parked.volume.id
  return isIt ? { do: 'park', parked } : NOTHING
}

/**
 * @param seen as whoever wants it destroyed has seen it: brought back and removed again, it is kept anew
 * @throws {Refusal} `volume-exists` where it is not parked any more
 */
export function beginDestroying(
  found: ParkedRecord | undefined,
  seen: Pick<ParkedRecord, 'volume' | 'removal'>,
): ParkedChange {
  if (found?.state === 'destroying') return { do: 'nothing' }
  const isIt = found?.removal === seen.removal
  const parked = requireParked(isIt ? found : undefined, seen.volume.name)
  return { do: 'put', parked: { ...parked, state: 'destroying' } }
}

function requireParked(found: ParkedRecord | undefined, name: VolumeName): ParkedRecord {
  if (found?.state === 'parked') return found
  const why = found ? 'it is being destroyed' : 'it was restored or destroyed a moment ago'
  throw new Refusal('volume-exists', `The removed volume ${name} is not kept any more: ${why}`)
}

/** @throws {Refusal} `unknown-volume`, `not-ready` */
export function requireReady(found: VolumeRecord | undefined, name: VolumeName): VolumeRecord {
  if (!found || found.state === 'making') throw gone(name)
  if (found.state !== 'ready') throw underWay(found)
  return found
}

const ready = (found: VolumeRecord): Change => ({
  do: 'put',
  record: { ...found, state: 'ready', removal: undefined },
})

const overtaken = ({ name }: VolumeRecord): Refusal =>
  new Refusal('not-ready', `Somebody else removes or restores the volume ${name}: try again`)

const gone = (name: string): Refusal =>
  new Refusal('unknown-volume', `There is no volume ${name}: it may have been removed on a host`)

const otherOptions = ({ name, createdBy }: VolumeRecord): Refusal =>
  new Refusal(
    'volume-exists',
    `A volume ${name} with other options was created on host ${createdBy}: use it as it is (docker volume inspect ${name}), or choose another name`,
  )

const UNDER_WAY = {
  making: 'being created: docker volume create',
  ready: 'ready: docker volume inspect',
  removing: 'being removed: docker volume rm',
  restoring: 'being brought back: berth volume restore',
} as const

const underWay = ({ name, state }: VolumeRecord): Refusal =>
  new Refusal(
    'not-ready',
    `The volume ${name} is ${UNDER_WAY[state]} ${name} goes on with it, where whoever began is gone`,
  )

const heldBy = ({ name }: VolumeRecord, holder: User): Refusal =>
  new Refusal(
    'held-elsewhere',
    `The volume ${name} is exclusive, and host ${holder.name} has it since ${holder.since}: stop its containers there; if that host is dead for certain: berth volume break-lock ${name}`,
  )
