import type { VolumeName } from '../volume-name.ts'
import type { VolumeId } from './volume-record.ts'

/** Where each record stands in the store. */

export const VOLUMES = 'v1/volumes/'

export const volumeKey = (name: VolumeName): string => `${VOLUMES}${name}`

export const PARKED = 'v1/parked/'

export const parkedKey = (id: VolumeId): string => `${PARKED}${id}`

/** Not those of addresses: both plugins may share a prefix. */
export const volumeHostKey = (host: string): string => `v1/volume-hosts/${host}`

export const CLUSTER = 'v1/cluster'
