import * as v from '@badrap/valita'
import type { AdminRequest, Routes } from '../../shared/admin-server.ts'
import { Refusal } from '../../shared/refusal.ts'
import { requireVolumeName } from '../volume-name.ts'
import { requireClaim } from './claims.ts'
import { WIPING } from './claim.ts'
import type { Claim } from './claim.ts'
import { checkLabel } from './disk-labels.ts'
import { keyOf } from './disk.ts'
import type { Disk, DiskKey } from './disk.ts'
import { diskViews, diskView } from './disk-views.ts'
import { findMeant, isThere } from './finding.ts'
import type { Ssd } from './ssd.ts'
import { claimView } from './views.ts'

/** What an operator may see and do. */
export function ssdRoutes(started: () => Promise<Ssd>): Routes {
  const at =
    (route: (ssd: Ssd, request: AdminRequest) => Promise<object>) =>
    async (request: AdminRequest) =>
      await route(await started(), request)
  return {
    'GET /healthz': at(async () => ({ ok: true })),
    'GET /v1/self': at(self),
    'GET /v1/volumes': at(volumes),
    'GET /v1/volumes/:name': at(async (ssd, { params }) => ({
      volume: await view(ssd, named(ssd, params)),
    })),
    'POST /v1/volumes/:name/restore': at(restore),
    'POST /v1/volumes/:name/wipe': at(wipeVolume),
    'POST /v1/volumes/:name/forget': at(forget),
    'POST /v1/adopt': at(adopt),
    'GET /v1/disks': at(async ssd => {
      await ssd.orphans.scan()
      return { disks: await diskViews(ssd) }
    }),
    'POST /v1/disks/:disk/labels': at(label),
    'POST /v1/disks/:disk/wipe': at(wipeDisk),
  }
}

async function self({ host, claims, claimingOff }: Ssd): Promise<object> {
  const why = claimingOff()
  const { missing } = claims
  return {
    host,
    name: host,
    state: missing.length > 0 ? 'degraded' : 'ready',
    ...(missing.length > 0 ? { reason: 'The records of volumes were lost: see missing' } : {}),
    claiming: { on: why === undefined, ...(why === undefined ? {} : { why }) },
    missing,
  }
}

async function volumes(ssd: Ssd): Promise<object> {
  await ssd.presence.refresh()
  return { volumes: ssd.claims.all().map(claim => claimView(claim, ssd)) }
}

async function view(ssd: Ssd, claim: Claim): Promise<object> {
  await ssd.presence.refresh()
  return claimView(claim, ssd)
}

/** By the name, else by the claim, since a quarantined claim has no name any more. */
function named({ claims }: Ssd, params: AdminRequest['params']): Claim {
  const name = requireVolumeName(params['name'] ?? '')
  const byId = claims.all().find(({ id }) => id === String(name))
  const byName = claims.named(name)
  if (byId && byName && byId !== byName) {
    throw new Refusal('bad-request', `${name} is a volume's name and the id of another one's claim`)
  }
  return byId ?? byName ?? requireClaim(claims, name)
}

async function restore(ssd: Ssd, { params }: AdminRequest): Promise<object> {
  const found = named(ssd, params)
  return await ssd.locks.of(found, async () => {
    const claim = ssd.claims.get(found.id)
    if (claim?.state.is !== 'parked') throw notParked(found, 'brought back')
    return { volume: await view(ssd, await ssd.claims.become(claim, { is: 'ready' })) }
  })
}

async function wipeVolume(ssd: Ssd, { params }: AdminRequest): Promise<object> {
  const found = named(ssd, params)
  const wiping = await ssd.locks.of(found, async () => {
    const claim = ssd.claims.get(found.id)
    if (claim?.state.is !== 'parked') throw notParked(found, 'wiped')
    return await ssd.claims.become(claim, WIPING)
  })
  ssd.tendSoon()
  return { volume: await view(ssd, wiping) }
}

function notParked({ volume, state }: Claim, done: string): Refusal {
  return new Refusal(
    'volume-exists',
    `Only a volume that was removed (docker volume rm) can be ${done}; ${volume?.name ?? 'this'} is ${state.is}`,
  )
}

async function forget(ssd: Ssd, { params }: AdminRequest): Promise<object> {
  const { claims, disks } = ssd
  const wanted = params['name'] ?? ''
  const lost = claims.missing.find(({ id, name }) => id === wanted || name === wanted)
  if (lost) {
    await claims.remove(lost.id)
    return lost
  }
  const found = named(ssd, params)
  return await ssd.locks.of(found, async () => {
    const claim = claims.get(found.id) ?? found
    if (await isThere(disks, claim.key)) {
      throw new Refusal('volume-exists', 'Its disk is there: remove the volume, and wipe it')
    }
    if (Object.keys(ssd.mounting.countsOf(claim.id)).length > 0) {
      throw new Refusal('volume-in-use', 'Containers have it mounted: stop them first')
    }
    await claims.remove(claim.id)
    return { id: claim.id, name: claim.volume?.name ?? '' }
  })
}

const adoptOrder = v.object({ disk: v.string() })
const labelOrder = v.object({ set: v.record(v.string()), remove: v.array(v.string()) })
const wipeOrder = v.object({ confirm: v.string() })

async function adopt(ssd: Ssd, { body }: AdminRequest): Promise<object> {
  const disk = await findMeant(ssd.disks, read(adoptOrder, body).disk)
  const claim = await ssd.orphans.adopt(disk, requireKey(disk))
  return { volume: await view(ssd, claim) }
}

async function label(ssd: Ssd, { params, body }: AdminRequest): Promise<object> {
  const disk = await findMeant(ssd.disks, params['disk'] ?? '')
  const key = requireKey(disk)
  const { set, remove } = read(labelOrder, body)
  for (const [name, value] of Object.entries(set)) checkLabel(name, value)
  await ssd.locks.disk(key, async () => {
    const kept = Object.entries(ssd.claims.labels(key)).filter(([name]) => !remove.includes(name))
    await ssd.claims.setLabels(key, { ...Object.fromEntries(kept), ...set })
  })
  return { disk: await diskView(ssd, disk) }
}

async function wipeDisk(ssd: Ssd, { params, body }: AdminRequest): Promise<object> {
  const disk = await findMeant(ssd.disks, params['disk'] ?? '')
  await ssd.discarding.begin(disk, requireKey(disk), read(wipeOrder, body).confirm)
  ssd.tendSoon()
  return { disk: await diskView(ssd, disk) }
}

function requireKey(disk: Disk): DiskKey {
  const key = keyOf(disk.identity)
  if (key) return key
  throw new Refusal(
    'unknown-disk',
    `${disk.node} has neither a serial number nor a world wide name: it could be mistaken for another`,
  )
}

function read<T>(type: v.Type<T>, body: unknown): T {
  const order = type.try(body)
  if (order.ok) return order.value
  throw new Refusal('bad-request', `Cannot read the order: ${order.message}`)
}
