import { Address6 } from 'ip-address'
import { BlockList } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { berthAddresses, berthPools } from './berth.ts'
import type { Engine } from './engine.ts'
import { networksOf, type Network, type Range } from './networks.ts'
import { until } from './until.ts'

/** What is in use, as sorted text, so that a difference is read at a glance. */
export type View = {
  readonly used: readonly string[]
  readonly shared: readonly string[]
  readonly pools: readonly string[]
}

export type Asserts = { strictSame(found: unknown, wanted: unknown, message: string): unknown }

/** Where the two differ and must: as "segment address". */
export type Differences = {
  /** Used in Berth, although the engine has forgotten them. */
  readonly leaked?: readonly string[]
  /** Shared in Berth, although the network that named them is gone. */
  readonly kept?: readonly string[]
  /** Pools, by id, that Berth cannot leave because of a leaked address, although their network is gone. */
  readonly leaving?: readonly string[]
}

/**
 * The engine's networks and Berth's records are the same: every address of an endpoint is used, every named gateway and
 * auxiliary address is shared, every pool is held by as many networks, and Berth holds nothing else.
 */
export async function assertSameView(
  t: Asserts,
  engine: Engine,
  after: string,
  differences: Differences = {},
): Promise<void> {
  let views = await bothViews(engine, differences)
  // The engine releases what an ended container held after it says that the container ended.
  await until('equal views', 10_000, async () => {
    views = await bothViews(engine, differences)
    return JSON.stringify(views.berth) === JSON.stringify(views.engine)
  }).catch(() => undefined)
  t.strictSame(views.berth, views.engine, `Berth's view is the engine's after ${after}`)
}

type Views = { readonly engine: View; readonly berth: View }

async function bothViews(engine: Engine, differences: Differences): Promise<Views> {
  const networks = await networksOf(engine)
  const addresses = await berthAddresses(engine)
  const inState = (state: string): readonly string[] =>
    addresses.filter(each => each.state === state).map(each => key(each.segment, each.address))
  const named = new Set([...networks.flatMap(namedShared), ...(differences.kept ?? [])])
  return {
    engine: {
      used: [...networks.flatMap(endpointAddresses), ...(differences.leaked ?? [])].toSorted(),
      shared: [...named].toSorted(),
      pools: [
        ...countedPools(networks),
        ...(differences.leaving ?? []).map(id => `${id} leaving by 0`),
      ].toSorted(),
    },
    berth: {
      used: inState('used').toSorted(),
      shared: withoutElected(inState('shared'), named, networks).toSorted(),
      pools: (await berthPools(engine))
        .flatMap(pool => pool.here)
        .map(use => `${use.id} ${use.state} by ${use.networks}`)
        .toSorted(),
    },
  }
}

/** "segment address", the address in its one canonical form. */
export function key(segment: string, address: string): string {
  return `${segment} ${address.includes(':') ? new Address6(address).correctForm() : address}`
}

export function segmentOf(network: Network): string {
  return network.IPAM.Options?.['berth.segment'] ?? 'default'
}

export function endpointAddresses(network: Network): readonly string[] {
  return Object.values(network.Containers)
    .flatMap(endpoint => [endpoint.IPv4Address, endpoint.IPv6Address])
    .filter(address => address !== '')
    .map(address => key(segmentOf(network), address.replace(/\/.*/, '')))
}

/** What Berth holds as used and the engine does not, once both have settled. */
export async function leakedAddresses(engine: Engine): Promise<readonly string[]> {
  const read = async (): Promise<readonly string[]> => {
    const known = new Set((await networksOf(engine)).flatMap(endpointAddresses))
    const used = (await berthAddresses(engine)).filter(each => each.state === 'used')
    return used.map(each => key(each.segment, each.address)).filter(each => !known.has(each))
  }
  let last = await read()
  return until('an end of the changes', 30_000, async () => {
    await delay(1000)
    const now = await read()
    const settled = now.join() === last.join()
    last = now
    return settled && now
  })
}

export function namedShared(network: Network): readonly string[] {
  return ranges(network)
    .flatMap(range => [range.Gateway ?? '', ...Object.values(range.AuxiliaryAddresses ?? {})])
    .filter(address => address !== '')
    .map(address => key(segmentOf(network), address.replace(/\/.*/, '')))
}

export function countedPools(networks: readonly Network[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const network of networks) {
    for (const range of ranges(network)) {
      const id = `${segmentOf(network)}~${range.Subnet}~${range.IPRange || '-'}`
      counts.set(id, (counts.get(id) ?? 0) + 1)
    }
  }
  return [...counts].map(([id, count]) => `${id} joined by ${count}`)
}

/** The engine does not show a gateway that nobody named: each subnet without a named one may have one more. */
export function withoutElected(
  shared: readonly string[],
  named: ReadonlySet<string>,
  networks: readonly Network[],
): readonly string[] {
  const open = networks.flatMap(network =>
    ranges(network)
      .filter(range => !range.Gateway)
      .map(range => ({ segment: segmentOf(network), subnet: range.Subnet })),
  )
  const unelected = new Map(open.map(each => [`${each.segment} ${each.subnet}`, each]))
  return shared.filter(each => {
    if (named.has(each)) return true
    const [segment = '', address = ''] = each.split(' ')
    for (const [id, pool] of unelected) {
      if (pool.segment === segment && contains(pool.subnet, address)) return !unelected.delete(id)
    }
    return true
  })
}

function contains(subnet: string, address: string): boolean {
  const [network = '', length] = subnet.split('/')
  const family = (of: string): 'ipv4' | 'ipv6' => (of.includes(':') ? 'ipv6' : 'ipv4')
  const list = new BlockList()
  list.addSubnet(network, Number(length), family(network))
  return list.check(address, family(address))
}

function ranges(network: Network): readonly Range[] {
  return network.IPAM.Config ?? []
}
