import { berthAddresses, berthPools } from './berth.ts'
import type { Node } from './fleet.ts'
import { networksOf, type Network } from './networks.ts'
import {
  countedPools,
  endpointAddresses,
  key,
  namedShared,
  withoutElected,
  type Asserts,
  type View,
} from './same-view.ts'
import { until } from './until.ts'

type Seen = Node & { readonly networks: readonly Network[] }

/**
 * What the engines of all hosts show and what Berth says on each of them are the same: every address of an endpoint is
 * used by the host that has the endpoint, and by no other; named gateways and auxiliary addresses are shared; each host
 * has its own pools; and Berth holds nothing else.
 */
export async function assertSameFleetView(
  t: Asserts,
  nodes: readonly Node[],
  after: string,
): Promise<void> {
  let engines = await enginesView(nodes)
  let berths = await berthViews(nodes)
  await until('equal views', 20_000, async () => {
    engines = await enginesView(nodes)
    berths = await berthViews(nodes)
    return berths.every(berth => JSON.stringify(berth) === JSON.stringify(engines))
  }).catch(() => undefined)
  for (const [index, { host }] of nodes.entries()) {
    const message = `Berth's view on ${host.name} is that of all engines after ${after}`
    t.strictSame(berths[index], engines, message)
  }
}

/** No network is left, and neither is anything in Berth: what was released may still rest. */
export async function assertNothingLeft(t: Asserts, nodes: readonly Node[]): Promise<void> {
  await assertSameFleetView(t, nodes, 'everything is removed')
  for (const { engine, host } of nodes) {
    const kept = (await berthAddresses(engine)).filter(each => each.state !== 'idle')
    t.strictSame(kept, [], `${host.name}: no address is used or shared`)
    t.strictSame(await berthPools(engine), [], `${host.name}: no pool is left`)
  }
}

async function enginesView(nodes: readonly Node[]): Promise<View> {
  const seen = await look(nodes)
  const named = new Set(seen.flatMap(({ networks }) => networks.flatMap(namedShared)))
  return {
    used: seen
      .flatMap(({ host, networks }) =>
        networks.flatMap(endpointAddresses).map(each => `${each} on ${host.name}`),
      )
      .toSorted(),
    shared: [...named].toSorted(),
    pools: seen
      .flatMap(({ host, networks }) =>
        countedPools(networks).map(each => `${each} on ${host.name}`),
      )
      .toSorted(),
  }
}

/** As each host tells it; what only a host itself knows, its own pools, comes from each. */
async function berthViews(nodes: readonly Node[]): Promise<readonly View[]> {
  const networks = (await look(nodes)).flatMap(each => each.networks)
  const named = new Set(networks.flatMap(namedShared))
  const pools = (await Promise.all(nodes.map(poolsHere))).flat().toSorted()
  return Promise.all(
    nodes.map(async ({ engine }) => {
      const addresses = await berthAddresses(engine)
      const used = addresses.filter(each => each.state === 'used')
      const shared = addresses
        .filter(each => each.state === 'shared')
        .map(each => key(each.segment, each.address))
      return {
        used: used.map(each => `${key(each.segment, each.address)} on ${each.hostName}`).toSorted(),
        shared: withoutElected(shared, named, networks).toSorted(),
        pools,
      }
    }),
  )
}

async function poolsHere({ engine, host }: Node): Promise<readonly string[]> {
  return (await berthPools(engine))
    .flatMap(pool => pool.here)
    .map(use => `${use.id} ${use.state} by ${use.networks} on ${host.name}`)
}

async function look(nodes: readonly Node[]): Promise<readonly Seen[]> {
  return Promise.all(
    nodes.map(async node => ({ ...node, networks: await networksOf(node.engine) })),
  )
}
