import { Refusal } from '../shared/refusal.ts'
import { within } from '../shared/within.ts'
import { contains, formatAddress, formatSubnet, usable } from './addresses.ts'
import type { Address } from './addresses.ts'
import type { Deadline, Endpoint } from './claim-transactions.ts'
import { parseExclusion } from './exclusions.ts'
import type { Ipam } from './ipam.ts'
import { addressKey, poolKey } from './keys.ts'
import type { Pool } from './pool-id.ts'
import type { HostPool } from './pool-book.ts'
import { exclusionsOf, readAddress, readPool } from './records.ts'
import { inUse, networkOrBroadcast } from './sentences.ts'

/** An attempt begun before takes up to a second more: the engine is answered within two. */
const DEADLINE_MS = 900

/**
 * A free address of the pool's range, claimed for the endpoint. Where another host takes one first, the next is tried.
 *
 * @throws {Refusal} `pool-full`
 */
export async function allocateAny(
  ipam: Ipam,
  here: HostPool,
  endpoint: Endpoint,
  caller: AbortSignal,
): Promise<Address> {
  const deadline = await begin(ipam, here)
  const { claims } = ipam
  for (;;) {
    if (performance.now() > deadline) throw contended(here.pool)
    const candidate = await here.candidates.next()
    if (!candidate) {
      // An evicted host finds no pool at all.
      await ipam.registration.refresh()
      throw full(here.pool)
    }
    const address = { family: here.pool.subnet.family, value: candidate.value }
    const target = { address, read: candidate.entry }
    const lost = await claims.claim(here, target, endpoint, { caller, deadline })
    if (!lost) return address
    if (lost.lostTo) here.candidates.elsewhere()
  }
}

/**
 * Just this address, which may lie outside the pool's range, and may still rest: whoever names it knows why.
 *
 * @throws {Refusal} naming who has it, or why nobody may
 */
export async function allocateThis(
  ipam: Ipam,
  here: HostPool,
  address: Address,
  endpoint: Endpoint,
  caller: AbortSignal,
): Promise<Address> {
  const deadline = await begin(ipam, here)
  const { claims, store } = ipam
  const { pool } = here
  const record = readPool(await store.get(poolKey(pool.segment, pool.subnet)))
  refuseUnusable(pool, address, record ? exclusionsOf(record) : [])
  const read = await store.get(addressKey(pool.segment, address))
  const current = readAddress(read)
  if (current && current.state !== 'idle') throw inUse(address, current)
  const lost = await claims.claim(here, { address, read }, endpoint, { caller, deadline })
  if (lost) throw inUse(address, readAddress(lost.lostTo))
  return address
}

/**
 * Waits until addresses may be given, and delivers releases of the pool that are queued.
 *
 * @returns when the last attempt may begin
 * @throws {Refusal} `not-ready`
 */
async function begin({ membership, claims }: Ipam, { pool }: HostPool): Promise<Deadline> {
  await membership.serving()
  const deadline = performance.now() + DEADLINE_MS
  if (!claims.hasUnsettled(pool.id)) return deadline
  await within(membership.tend(), DEADLINE_MS)
  return deadline
}

function refuseUnusable(
  pool: Pool,
  address: Address,
  exclusions: readonly { text: string; by: string }[],
) {
  if (!contains(usable(pool.subnet), address)) throw networkOrBroadcast(address, pool)
  const hit = exclusions.find(({ text: range }) => contains(parseExclusion(range), address))
  if (!hit) return
  throw new Refusal(
    'address-reserved',
    `Address ${formatAddress(address)} is excluded by berth.exclude=${hit.text}, set on host ${hit.by}; choose another`,
  )
}

function contended({ subnet }: Pool): Refusal {
  return new Refusal(
    'deadline',
    `Each free address of ${formatSubnet(subnet)} that was tried had just gone to somebody else; try again`,
  )
}

function full({ subnet, subPool }: Pool): Refusal {
  const range = subPool
    ? `the range ${formatSubnet(subPool)} of ${formatSubnet(subnet)}`
    : formatSubnet(subnet)
  return new Refusal(
    'pool-full',
    `No address is free in ${range}: all are in use, shared or excluded. Remove containers, or use a larger subnet`,
  )
}
