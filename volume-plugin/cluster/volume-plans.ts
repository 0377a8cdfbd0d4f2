import { Refusal } from '../../shared/refusal.ts'
import { unchanged } from '../../shared/store.ts'
import type { Entry, Store } from '../../shared/store.ts'
import type { VolumeName } from '../volume-name.ts'
import { parkedKey, volumeKey } from './cluster-keys.ts'
import { readVolume, write } from './cluster-records.ts'
import type { Plan, Read } from './fenced-commits.ts'
import { claimPlace } from './places.ts'
import type { Change, ParkedChange, ParkedRecord, VolumeId, VolumeRecord } from './volume-record.ts'

/** What a change was decided on. */
type Seen<T> = {
  readonly entry: Entry | undefined
  readonly found: T | undefined
  readonly read: Read
}

/** The transaction that makes the change. @throws {Refusal} as `claimPlace` */
export async function planned(
  store: Store,
  { entry, found, read }: Seen<VolumeRecord>,
  name: VolumeName,
  change: Change,
): Promise<Plan<VolumeRecord | undefined>> {
  const key = volumeKey(name)
  const require = [unchanged(key, entry)]
  switch (change.do) {
    case 'nothing':
      return nothing(found)
    case 'put': {
      const { record } = change
      const place = await claimPlace(store, read, found, record)
      return {
        require: [...require, ...place.require],
        write: [{ put: key, value: write(record) }, ...place.write],
        result: record,
      }
    }
    case 'delete':
      return { require, write: entry ? [{ delete: key }] : [], result: undefined }
    case 'park': {
      const { parked } = change
      const at = parkedKey(parked.volume.id)
      return {
        require: [...require, unchanged(at, undefined)],
        write: [{ delete: key }, { put: at, value: write(parked) }],
        result: undefined,
      }
    }
  }
}

/** As `planned`. @throws {Refusal} `volume-exists` where another volume has the name */
export async function plannedParked(
  { entry, found, read }: Seen<ParkedRecord>,
  id: VolumeId,
  change: ParkedChange,
): Promise<Plan<ParkedRecord | undefined>> {
  const key = parkedKey(id)
  const require = [unchanged(key, entry)]
  switch (change.do) {
    case 'nothing':
      return nothing(found)
    case 'put': {
      const { parked } = change
      return { require, write: [{ put: key, value: write(parked) }], result: parked }
    }
    case 'delete':
      return { require, write: entry ? [{ delete: key }] : [], result: undefined }
    case 'restore': {
      const { record } = change
      const at = volumeKey(record.name)
      const entryThere = await read(at)
      const other = readVolume(entryThere)
      // Nobody was told of one that is being made.
      if (other && other.state !== 'making') throw nameTaken(other)
      return {
        require: [...require, unchanged(at, entryThere)],
        write: [{ delete: key }, { put: at, value: write(record) }],
        result: undefined,
      }
    }
  }
}

export const nothing = <T>(result: T): Plan<T> => ({ require: [], write: [], result })

const nameTaken = ({ name, createdBy, created }: VolumeRecord): Refusal =>
  new Refusal(
    'volume-exists',
    `The name ${name} is another volume's by now, made by host ${createdBy} at ${created}: remove that one first`,
  )
