import type { Host } from '../../shared/host.ts'
import { KeyedQueue } from '../../shared/keyed-queue.ts'
import { Refusal } from '../../shared/refusal.ts'
import type { Store } from '../../shared/store.ts'
import { volumeName } from '../volume-name.ts'
import type { VolumeName } from '../volume-name.ts'
import { Catalogue } from './catalogue.ts'
import type { ClusterBook } from './cluster-book.ts'
import type { Binds, ClusterFiles } from './cluster-files.ts'
import { ClusterVolumes } from './cluster-volumes.ts'
import { Holding } from './holding.ts'
import { Keeping } from './keeping.ts'
import { Making } from './making.ts'
import { Mirror } from './mirror.ts'
import { MountNotes } from './mount-notes.ts'
import { Mounting } from './mounting.ts'
import { Parking } from './parking.ts'
import { Registration } from './registration.ts'
import { Retention } from './retention.ts'
import { Unnoted } from './unnoted.ts'

export type ClusterOrder = {
  readonly host: Host
  readonly store: Store
  readonly book: ClusterBook
  readonly files: ClusterFiles
  readonly binds: Binds
  readonly mountRoot: string
  readonly retainMs: number
  /** Why this machine may not use the identity in its state directory, if so. */
  readonly barred: () => string | undefined
  /** Which file system it must be, where an operator pinned it; else the one that the store knows. */
  readonly clusterId: string
  /** Told of a volume that was taken from this host while it has it mounted. */
  readonly lost: (name: VolumeName, why: string) => void
}

/** All parts of the volumes on the cluster file system. */
export type Cluster = Awaited<ReturnType<typeof startCluster>>

/** Takes up what an earlier process left. Neither the store nor the file system need be there yet. */
export async function startCluster(order: ClusterOrder) {
  const { host, store, book, files, mountRoot, retainMs, lost } = order
  const remembered = await book.load()
  const registration = await Registration.open(store, book, host, remembered.notes)
  const catalogue = new Catalogue(store, registration)
  const mirror = new Mirror(book, remembered.mirror)
  const notes = new MountNotes(book, remembered.mounts)
  const queue = new KeyedQueue()
  const unnoted = new Unnoted({ host, catalogue, registration, mirror, notes })
  const holding = new Holding({ host, catalogue, registration, mirror, notes, unnoted, lost })
  const hostFolder = volumeName(host.name) ?? host.id
  const expected = (): string | undefined => order.clusterId || registration.cluster
  const requireCluster = async (): Promise<void> => {
    if ((expected() ?? (await catalogue.cluster())) !== undefined) return
    throw new Refusal('not-ready', UNKNOWN_CLUSTER)
  }
  const mounting = new Mounting({ ...order, holding, notes, mountRoot, hostFolder, requireCluster })
  const making = new Making(catalogue, files, host, requireCluster)
  const parking = new Parking(catalogue, files, host, retainMs, requireCluster)
  const parts = { host, catalogue, mirror, notes, making, parking, mounting, holding, queue }
  const volumes = new ClusterVolumes(parts)
  const { barred } = order
  const retention = new Retention(parking, book, remembered.kept)
  const known = { ...parts, registration, unnoted, retention, volumes, barred }
  const keeping = new Keeping(known, performance.now())
  await mounting.begin()
  const tend = async (): Promise<void> => await keeping.tend(performance.now())
  const idle = async (): Promise<void> => await keeping.idle()
  const { clusterId } = order
  return { ...known, files, store, clusterId, expected, tend, idle }
}

const UNKNOWN_CLUSTER =
  'Nobody has said yet which file system is the right one: mount it at CLUSTER_ROOT, and run: berth cluster init'
