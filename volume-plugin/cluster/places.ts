import { randomUUID } from 'node:crypto'
import { entriesBelow } from '../../shared/pages.ts'
import { Refusal } from '../../shared/refusal.ts'
import { unchanged } from '../../shared/store.ts'
import type { Store } from '../../shared/store.ts'
import { CLUSTER, VOLUMES } from './cluster-keys.ts'
import { readCluster, readVolume, write } from './cluster-records.ts'
import type { Plan, Read } from './fenced-commits.ts'
import { overlap, pathOf } from './place.ts'
import type { Place } from './place.ts'
import type { VolumeRecord } from './volume-record.ts'

type Claim = Pick<Plan<void>, 'require' | 'write'>

const NO_CLAIM: Claim = { require: [], write: [] }

/**
 * What a volume that comes to a place which somebody chose requires and writes: each such volume changes one nonce, so that
 * no other one can have come since this one looked at them all.
 *
 * @param found what the record takes the place of
 * @throws {Refusal} `volume-exists` where another volume has the place, or one above or below it
 */
export async function claimPlace(
  store: Store,
  read: Read,
  found: VolumeRecord | undefined,
  { name, options: { path } }: VolumeRecord,
): Promise<Claim> {
  if (!path || isSame(path, found?.options.path)) return NO_CLAIM
  // Before all others: whatever changes it later wins.
  const entry = await read(CLUSTER)
  const cluster = readCluster(entry)
  if (!cluster) throw notInitialised()
  for await (const listed of entriesBelow(store, VOLUMES)) {
    const other = readVolume(listed)
    const { path: taken } = other.options
    if (taken && other.name !== name && overlap(path, taken)) throw overlapping(path, taken, other)
  }
  const value = write({ ...cluster, paths: randomUUID() })
  return { require: [unchanged(CLUSTER, entry)], write: [{ put: CLUSTER, value }] }
}

const isSame = (a: Place, b: Place | undefined): boolean =>
  b !== undefined && pathOf(a) === pathOf(b)

const notInitialised = (): Refusal =>
  new Refusal('not-ready', 'The store knows no cluster file system yet; run: berth cluster init')

const overlapping = (path: Place, taken: Place, { name }: VolumeRecord): Refusal =>
  new Refusal(
    'volume-exists',
    `The folder ${pathOf(path)} cannot be a volume: ${pathOf(taken)} is the one of volume ${name}, and what is in one would be in both; choose another path, or remove that volume`,
  )
