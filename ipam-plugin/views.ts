import type { Views } from '../shared/admin-server.ts'
import { formatAddress } from './addresses.ts'
import type { Ipam } from './ipam.ts'
import { addressOfKey, endOf } from './keys.ts'
import { exclusionsOf, readAddress, readPool } from './records.ts'

const ADDRESSES = 'v1/addresses/'
const POOLS = 'v1/pools/'
const ALL = Number.MAX_SAFE_INTEGER

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

/** By subnet: what all hosts share, and which networks (`count`, by pool id) this host has of it. */
async function pools(ipam: Ipam): Promise<object[]> {
  const here = ipam.pools.all()
  const entries = await ipam.store.list(POOLS, endOf(POOLS), ALL)
  return entries.map(entry => {
    const [segment, ...subnet] = entry.key.slice(POOLS.length).split('/')
    const { users, gateway, aux, cooldown } = readPool(entry)
    return {
      segment,
      subnet: subnet.join('/'),
      gateway: gateway?.address,
      aux,
      exclusions: exclusionsOf(readPool(entry)).map(({ text }) => text),
      cooldownMs: cooldown.ms,
      hosts: Object.values(users).map(({ name }) => name),
      here: here
        .filter(
          ({ pool }) => `${pool.segment}/${subnet.join('/')}` === entry.key.slice(POOLS.length),
        )
        .filter(({ pool }) => pool.id.startsWith(`${segment}~${subnet.join('/')}~`))
        .map(({ pool, entry: { state, count } }) => ({ id: pool.id, state, networks: count })),
    }
  })
}
