import * as v from '@badrap/valita'
import type { AdminRequest, Routes } from '../shared/admin-server.ts'
import { entriesBelow } from '../shared/pages.ts'
import { Refusal } from '../shared/refusal.ts'
import { endOf } from '../shared/store.ts'
import { formatAddress } from './addresses.ts'
import type { Ipam } from './ipam.ts'
import { addressOfKey, ADDRESSES, poolKey, POOLS, segmentOfKey } from './keys.ts'
import { findHost, listHosts } from './host-list.ts'
import { exclusionsOf, readAddress, readPool } from './records.ts'

const MOST_AT_ONCE = 1000

/**
 * What an operator may see and do.
 *
 * @param adopt binds this machine to the identity in its state directory, and enters the store again
 */
export function ipamRoutes(started: () => Promise<Ipam>, adopt: () => Promise<void>): Routes {
  return {
    'GET /healthz': async () => {
      await started()
      return { ok: true }
    },
    'GET /v1/addresses': async request => await addresses(await started(), request),
    'GET /v1/pools': async () => ({ pools: await pools(await started()) }),
    'GET /v1/hosts': async () => ({ hosts: await listHosts(await started()) }),
    'GET /v1/self': async () => await self(await started()),
    'GET /v1/recovery': async () => await recoveryOf(await started()),
    'POST /v1/hosts/:id/evict': async request => await evict(await started(), request),
    'POST /v1/adopt': async () => {
      await adopt()
      return { id: (await started()).registration.host.id }
    },
    'POST /v1/recover': async () => {
      const ipam = await started()
      await ipam.membership.look()
      const { host, lastRecovery } = ipam.registration
      const { id } = await ipam.recovery.begin(host.name, lastRecovery)
      void ipam.membership.tend().catch(() => {})
      return { id, waiting: await ipam.recovery.awaited(id, 'reclaimed') }
    },
  }
}

async function addresses({ store }: Ipam, { query }: AdminRequest): Promise<object> {
  const { after, limit = String(MOST_AT_ONCE) } = query
  const most = Number(limit)
  if (!Number.isInteger(most) || most < 1 || most > MOST_AT_ONCE) {
    throw new Refusal('bad-request', `limit=${limit} must be from 1 to ${MOST_AT_ONCE}`)
  }
  const entries = await store.list(after ? `${after}\0` : ADDRESSES, endOf(ADDRESSES), most)
  const next = entries.length === most ? { next: entries.at(-1)?.key } : {}
  return {
    addresses: entries.map(entry => ({
      segment: segmentOfKey(entry.key),
      address: formatAddress(addressOfKey(entry.key)),
      ...readAddress(entry),
    })),
    ...next,
  }
}

/** By subnet: what all hosts share, and the pools that this host has of it, with how many of its networks use each. */
async function pools(ipam: Ipam): Promise<object[]> {
  const found: object[] = []
  for await (const entry of entriesBelow(ipam.store, POOLS)) {
    const record = readPool(entry)
    const [segment, ...subnet] = entry.key.slice(POOLS.length).split('/')
    const here = ipam.pools
      .all()
      .filter(({ pool }) => poolKey(pool.segment, pool.subnet) === entry.key)
      .map(({ pool, entry: { state, count } }) => ({ id: pool.id, state, networks: count }))
    found.push({
      segment,
      subnet: subnet.join('/'),
      gateway: record.gateway?.address,
      aux: record.aux,
      exclusions: exclusionsOf(record).map(({ text }) => text),
      cooldownMs: record.cooldown.ms,
      hosts: Object.values(record.users).map(({ name }) => name),
      here,
    })
  }
  return found
}

/** This host alone, from what it knows itself: also while the store is away. */
async function self({ registration, membership, claims, journal }: Ipam): Promise<object> {
  const { id, name } = registration.host
  // The journal may name an address twice.
  const lost = new Map<string, object>()
  const queued = [...claims.failed.keys()].filter(key => journal.address(key)?.state !== 'intent')
  // Those that are being delivered are not delivered yet either.
  const undelivered = new Set(queued)
  for await (const [key, { state, pool }] of journal.addresses()) {
    if (state === 'releasing') undelivered.add(key)
    if (state !== 'lost') continue
    lost.set(key, { address: formatAddress(addressOfKey(key)), segment: segmentOfKey(key), pool })
  }
  const { state } = membership
  const reason = 'reason' in state ? { reason: state.reason } : {}
  return {
    id,
    name,
    state: state.is,
    ...reason,
    queuedReleases: undelivered.size,
    lost: [...lost.values()],
  }
}

async function recoveryOf({ recovery }: Ipam): Promise<object> {
  const gate = await recovery.gate()
  const open = gate?.state === 'open'
  return { ...gate, open, waiting: open ? await recovery.awaited(gate.id, 'reclaimed') : [] }
}

const evictOrder = v.object({ force: v.boolean().optional() })

async function evict(ipam: Ipam, { params, body }: AdminRequest): Promise<object> {
  const order = evictOrder.try(body)
  if (!order.ok) throw new Refusal('bad-request', `Cannot read the order: ${order.message}`)
  const { id } = await findHost(ipam, params['id'] ?? '')
  if (id === ipam.registration.host.id) {
    throw new Refusal(
      'host-alive',
      'This is the host itself, and its plugin is alive: a host is evicted from another one, when it is dead',
    )
  }
  return await ipam.eviction.evict(id, order.value.force ?? false)
}
