import { formatAddress } from './addresses.ts'
import type { Ipam } from './ipam.ts'
import { addressOfKey, endOf, poolKey } from './keys.ts'
import { exclusionsOf, readAddress, readPool } from './records.ts'

const ADDRESSES = 'v1/addresses/'
const POOLS = 'v1/pools/'
const ALL = Number.MAX_SAFE_INTEGER

/** What each path shows. */
type Views = Readonly<Record<string, () => Promise<object>>>

/** What an operator may see of the plugin, each view whole. */
export function ipamViews(started: () => Promise<Ipam>): Views {
  return {
    '/healthz': async () => {
      await started()
      return { ok: true }
    },
    '/v1/addresses': async () => ({ addresses: await addresses(await started()) }),
    '/v1/pools': async () => ({ pools: await pools(await started()) }),
  }
}

async function addresses({ store }: Ipam): Promise<object[]> {
  const entries = await store.list(ADDRESSES, endOf(ADDRESSES), ALL)
  return entries.map(entry => ({
    segment: entry.key.slice(ADDRESSES.length, entry.key.lastIndexOf('/')),
    address: formatAddress(addressOfKey(entry.key)),
    ...readAddress(entry),
  }))
}

/** By subnet: what all hosts share, and the pools that this host has of it, with how many of its networks use each. */
async function pools(ipam: Ipam): Promise<object[]> {
  const entries = await ipam.store.list(POOLS, endOf(POOLS), ALL)
  return entries.map(entry => {
    const record = readPool(entry)
    const [segment, ...subnet] = entry.key.slice(POOLS.length).split('/')
    const here = ipam.pools
      .all()
      .filter(({ pool }) => poolKey(pool.segment, pool.subnet) === entry.key)
      .map(({ pool, entry: { state, count } }) => ({ id: pool.id, state, networks: count }))
    return {
      segment,
      subnet: subnet.join('/'),
      gateway: record.gateway?.address,
      aux: record.aux,
      exclusions: exclusionsOf(record).map(({ text }) => text),
      cooldownMs: record.cooldown.ms,
      hosts: Object.values(record.users).map(({ name }) => name),
      here,
    }
  })
}
