import * as v from '@badrap/valita'
import type { Routes } from '../../shared/admin-server.ts'
import { Refusal } from '../../shared/refusal.ts'
import { recorded } from './world.ts'

/** A stand-in for the cluster plugin's admin API: what it would show, and what it is asked to change. */

const HOUR = 3_600_000
const agoIso = (hours: number) => new Date(Date.now() - hours * HOUR - 1000).toISOString()

export const CLUSTER = {
  root: '/mnt/data',
  ok: true,
  id: 'c1',
  storeId: 'c1',
  at: '/cluster/data',
  type: 'nfs4',
  source: 'filer:/export',
}

export const CLUSTER_SELF = {
  mode: 'cluster',
  host: 'a1b2',
  name: 'rack1-01',
  state: 'ready',
  cluster: CLUSTER,
  store: { ok: true },
}

export const user = (name: string, hours: number, self = false) => ({
  host: `id-of-${name}`,
  name,
  since: agoIso(hours),
  self,
})

export const clusterVolume = (name: string, id: string, state: string, rest: object = {}) => ({
  name,
  id,
  state,
  access: 'shared',
  path: `volumes/${name}`,
  options: {},
  created: '2026-01-02T03:04:05.000Z',
  createdBy: 'rack1-01',
  users: [],
  ...rest,
})

const removed = (by: string) => ({ parked: { since: agoIso(30), by, leftMs: 138 * HOUR } })

export const CLUSTER_VOLUMES = [
  clusterVolume('web', 'aa11', 'ready', {
    users: [user('rack1-01', 1, true), user('rack1-02', 2)],
    here: { state: 'taken', since: '2026-01-02T03:04:06.000Z', mounts: { c0ffee: 2, decaf: 1 } },
    mountpoint: '/mounts/web',
    options: { mode: '0750' },
    later: 'a field of another version',
  }),
  clusterVolume('queue', 'ab22', 'ready', {
    access: 'exclusive',
    users: [user('rack1-02', 3)],
    broken: { host: 'id-of-rack1-01', name: 'rack1-01', at: agoIso(3) },
    here: { state: 'lost', since: '2026-01-02T03:04:06.000Z', mounts: { c0ffee: 1 } },
  }),
  clusterVolume('web', 'ac33ac33ac33', 'parked', removed('rack1-02')),
  clusterVolume('old', 'ad44', 'parked', removed('rack1-01')),
  clusterVolume('twin', 'ae55', 'parked', removed('rack1-01')),
  clusterVolume('twin', 'ae66', 'parked', removed('rack1-02')),
  clusterVolume('odd', 'af77', 'ready', { problem: 'its folder is gone' }),
]

const breakBody = v.object({ host: v.string(), since: v.string() })

/** The routes, and what those that change something were asked. */
export function clusterRoutes() {
  const restored = recorded(({ params }) => ({
    volume: { ...byId(params['name']), state: 'ready' },
  }))
  const wiped = recorded(({ params }) => ({
    volume: { ...byId(params['name']), state: 'destroying' },
  }))
  const broken = recorded(({ params, body }) => {
    const { host, since } = breakBody.parse(body)
    const volume = byId(params['name'])
    const users: readonly { host: string; since: string }[] = volume.users
    const from = users.find(each => each.host === host)
    if (from?.since !== since) throw new Refusal('unknown-host', 'It has it anew by now')
    return { volume: { ...volume, users: [] }, from }
  })
  const made = recorded(() => ({ id: 'c1', made: true }))
  const adopted = recorded(() => ({}))
  const routes: Routes = {
    'GET /v1/self': async () => CLUSTER_SELF,
    'GET /v1/volumes': async () => ({ stale: false, volumes: CLUSTER_VOLUMES }),
    'POST /v1/volumes/:name/restore': restored.route,
    'POST /v1/volumes/:name/wipe': wiped.route,
    'POST /v1/volumes/:name/break-lock': broken.route,
    'GET /v1/cluster': async () => CLUSTER,
    'POST /v1/cluster/init': made.route,
    'POST /v1/cluster/adopt': adopted.route,
  }
  return { routes, restored, wiped, broken, made, adopted }
}

/** The plugin takes names as well; this stands in for none that the command asks by a name. */
function byId(id: string | undefined) {
  const found = CLUSTER_VOLUMES.find(each => each.id === id)
  if (found) return found
  throw new Refusal('unknown-volume', `There is no volume ${id}`)
}
