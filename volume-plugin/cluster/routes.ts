import { randomBytes } from 'node:crypto'
import * as v from '@badrap/valita'
import type { AdminRequest, Routes } from '../../shared/admin-server.ts'
import { Refusal } from '../../shared/refusal.ts'
import { requireVolumeName } from '../volume-name.ts'
import type { Cluster } from './cluster.ts'
import type { ClusterId } from './cluster-files.ts'
import type { RootView } from './root.ts'
import { parkedView, volumeView } from './views.ts'
import type { ParkedRecord, User, VolumeRecord } from './volume-record.ts'

/** What the routes stand on besides. */
export type Served = Cluster & {
  /** What is mounted at CLUSTER_ROOT, and what is wrong with it. */
  readonly rootView: () => Promise<RootView>
  /** The operator's word that this machine is the host that the store knows. */
  readonly adoptIdentity: () => Promise<void>
}

type Found =
  | { readonly is: 'volume'; readonly record: VolumeRecord }
  | { readonly is: 'parked'; readonly parked: ParkedRecord }

/** What an operator may see and do. */
export function clusterRoutes(started: () => Promise<Served>): Routes {
  const at =
    (route: (cluster: Served, request: AdminRequest) => Promise<object>) =>
    async (request: AdminRequest) =>
      await route(await started(), request)
  return {
    'GET /healthz': at(async () => ({ ok: true })),
    'GET /v1/self': at(self),
    'GET /v1/cluster': at(async cluster => await clusterView(cluster)),
    'POST /v1/cluster/init': at(init),
    'POST /v1/cluster/adopt': at(adopt),
    'GET /v1/volumes': at(volumes),
    'GET /v1/volumes/:name': at(async (cluster, { params }) => ({
      volume: view(cluster, await find(cluster, params)),
    })),
    'POST /v1/volumes/:name/restore': at(restore),
    'POST /v1/volumes/:name/wipe': at(wipe),
    'POST /v1/volumes/:name/break-lock': at(breakLock),
  }
}

async function self(cluster: Served): Promise<object> {
  const { host, registration, mirror } = cluster
  const root = await clusterView(cluster)
  const barred = cluster.barred() ?? registration.barred
  const reason = barred ?? root.why
  const isWell = root.ok && !mirror.isStale
  const state = barred === undefined ? (isWell ? 'ready' : 'degraded') : 'suspended'
  return {
    mode: 'cluster',
    host: host.id,
    name: host.name,
    state,
    ...(reason === undefined ? {} : { reason }),
    cluster: root,
    store: { ok: !mirror.isStale, ...(mirror.isStale ? { why: 'it does not answer' } : {}) },
  }
}

async function clusterView({ rootView, files, registration }: Served) {
  const storeId = registration.cluster
  const known = storeId === undefined ? {} : { storeId }
  const view = { ...(await rootView()), ...known }
  if (!view.ok) return view
  try {
    const id = await files.check()
    if (id !== undefined) return { ...view, id }
    return {
      ...view,
      ok: false,
      why: 'It has no .berth/cluster.json, so that nobody knows that it is the right one: if it is, and new, run berth cluster init',
    }
  } catch (error) {
    if (error instanceof Refusal) return { ...view, ok: false, why: error.message }
    throw error
  }
}

const initOrder = v.object({ again: v.boolean().optional() })

/**
 * Where the store knows a file system already, the one that has no id may be any other: it is given that id only by an
 * operator who says so.
 */
async function init(cluster: Served, { body }: AdminRequest): Promise<object> {
  const { files, catalogue, clusterId } = cluster
  const { again } = read(initOrder, body)
  const known = await catalogue.cluster()
  const there = await files.check()
  if (there === undefined && known !== undefined && again !== true) throw notThat(known)
  if (clusterId !== '' && known !== undefined && clusterId !== known)
    throw notPinned(clusterId, known)
  const wanted = there ?? known ?? (clusterId || randomBytes(16).toString('hex'))
  const id = await files.init(wanted as ClusterId)
  const inStore = await catalogue.initCluster(id)
  if (inStore === id) return { id, made: there === undefined }
  throw new Refusal(
    'not-mounted',
    `The file system at CLUSTER_ROOT is of cluster ${id}, and this etcd belongs to cluster ${inStore}: mount the right one, or name the right etcd`,
  )
}

const notPinned = (pinned: string, known: string): Refusal =>
  new Refusal(
    'not-mounted',
    `CLUSTER_ID is ${pinned}, and this etcd knows the file system ${known}: correct one of CLUSTER_ID and ETCD_ENDPOINTS`,
  )

const notThat = (known: string): Refusal =>
  new Refusal(
    'not-mounted',
    `The file system at CLUSTER_ROOT has no id, and the cluster's has ${known}: mount that one. If this is it, and its .berth/cluster.json was lost: berth cluster init --again`,
  )

/** What this host has mounted it has still, though the store may know nothing of it: that is told before anything else. */
async function adopt(cluster: Served): Promise<object> {
  const { registration, adoptIdentity, tend, notes, holding, queue } = cluster
  await adoptIdentity()
  for (const name of notes.names()) {
    await queue.run(name, async () => await holding.tellAnew(name))
  }
  await registration.adopt()
  await tend()
  return {}
}

async function volumes(cluster: Served): Promise<object> {
  await cluster.mirror.refresh(async () => await cluster.catalogue.list())
  const parked = cluster.mirror.isStale ? [] : await cluster.catalogue.listParked()
  return {
    stale: cluster.mirror.isStale,
    volumes: [
      ...cluster.mirror.all().map(record => volumeView(record, cluster)),
      ...parked.map(each => parkedView(each, cluster)),
    ],
  }
}

async function restore(cluster: Served, { params }: AdminRequest): Promise<object> {
  const { parking, queue, catalogue, mirror } = cluster
  const found = await find(cluster, params)
  if (found.is === 'volume' && found.record.state !== 'restoring')
    throw notParked(found, 'restored')
  const { name } = found.is === 'parked' ? found.parked.volume : found.record
  return await queue.run(name, async () => {
    if (found.is === 'parked') await parking.restore(found.parked)
    else await parking.finishRestoring(found.record)
    const record = await catalogue.find(name)
    await mirror.learn(name, record)
    if (record) return { volume: volumeView(record, cluster) }
    throw new Refusal('not-ready', `The volume ${name} was removed again meanwhile: try again`)
  })
}

async function wipe(cluster: Served, { params }: AdminRequest): Promise<object> {
  const { retention, catalogue, tend } = cluster
  const found = await find(cluster, params)
  if (found.is === 'volume') throw notParked(found, 'wiped')
  await retention.wipe(found.parked)
  void tend().catch(() => {})
  const { id } = found.parked.volume
  const now = (await catalogue.listParked()).find(({ volume }) => volume.id === id)
  return { volume: parkedView(now ?? { ...found.parked, state: 'destroying' }, cluster) }
}

function read<T>(type: v.Type<T>, body: unknown): T {
  const order = type.try(body)
  if (order.ok) return order.value
  throw new Refusal('bad-request', `Cannot read the order: ${order.message}`)
}

/** `since`: of the taking that the operator was shown; there may be another by now. */
const breakOrder = v.object({ host: v.string().optional(), since: v.string().optional() })

async function breakLock(cluster: Served, { params, body }: AdminRequest): Promise<object> {
  const { catalogue, mirror } = cluster
  const found = await find(cluster, params)
  const order = read(breakOrder, body)
  if (found.is === 'parked') throw new Refusal('volume-exists', 'It is removed: no host has it')
  const { name, users } = found.record
  const [host, user] = meant(name, Object.entries(users), order.host)
  const { since = user.since } = order
  const broken = { host, name: user.name, at: new Date().toISOString() }
  await catalogue.takeFrom(name, host, broken, since)
  const record = await catalogue.find(name)
  await mirror.learn(name, record)
  return {
    volume: record ? volumeView(record, cluster) : {},
    from: { host, name: user.name, since: user.since },
  }
}

function meant(
  name: string,
  users: readonly (readonly [string, User])[],
  wanted: string | undefined,
): readonly [string, User] {
  const found = users.filter(
    ([id, user]) => wanted === undefined || id === wanted || user.name === wanted,
  )
  const [only] = found
  if (only && found.length === 1) return only
  const there = users.map(([id, user]) => `${user.name} (${id})`).join(', ')
  throw new Refusal(
    'unknown-host',
    users.length === 0
      ? `No host has the volume ${name} mounted`
      : `Say which host it is to be taken from, by --host; it is mounted on ${there}`,
  )
}

/** By its id, which somebody may have given to another as its name; else by its name, and then a volume before what was removed. */
async function find({ catalogue }: Served, params: AdminRequest['params']): Promise<Found> {
  const wanted = requireVolumeName(params['name'] ?? '')
  const byId = (await catalogue.list()).volumes.find(({ id }) => id === String(wanted))
  if (byId) return { is: 'volume', record: byId }
  const removed = await catalogue.listParked()
  const parkedById = removed.find(({ volume }) => volume.id === String(wanted))
  if (parkedById) return { is: 'parked', parked: parkedById }
  const record = await catalogue.find(wanted)
  const parked = removed.filter(({ volume }) => volume.name === wanted)
  // Nobody was told of one that is being made.
  if (record && (record.state !== 'making' || parked.length === 0)) return { is: 'volume', record }
  const [only] = parked
  if (only && parked.length === 1) return { is: 'parked', parked: only }
  if (!only)
    throw new Refusal('unknown-volume', `There is no volume ${wanted}: see berth volume ls`)
  const ids = parked.map(({ volume, since }) => `${volume.id} (removed ${since})`).join(', ')
  throw new Refusal(
    'bad-request',
    `Several removed volumes are called ${wanted}; say which: ${ids}`,
  )
}

const view = (cluster: Served, found: Found): object =>
  found.is === 'volume' ? volumeView(found.record, cluster) : parkedView(found.parked, cluster)

function notParked({ record }: Extract<Found, { is: 'volume' }>, done: string): Refusal {
  return new Refusal(
    'volume-exists',
    `Only a volume that was removed (docker volume rm) can be ${done}; ${record.name} is ${record.state}`,
  )
}
