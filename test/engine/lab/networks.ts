import * as v from '@badrap/valita'
import type { Engine } from './engine.ts'
import { BERTH_IPAM } from './plugin.ts'

const Range = v
  .object({
    Subnet: v.string(),
    IPRange: v.string().optional(),
    Gateway: v.string().optional(),
    AuxiliaryAddresses: v.union(v.record(v.string()), v.null()).optional(),
  })
  .rest(v.unknown())

const Endpoint = v
  .object({ Name: v.string(), IPv4Address: v.string(), IPv6Address: v.string() })
  .rest(v.unknown())

const Network = v
  .object({
    Name: v.string(),
    ConfigOnly: v.boolean(),
    IPAM: v
      .object({
        Driver: v.string(),
        Options: v.union(v.record(v.string()), v.null()).optional(),
        Config: v.union(v.array(Range), v.null()),
      })
      .rest(v.unknown()),
    // Null for a swarm's network that has no task on this host.
    Containers: v.union(v.record(Endpoint), v.null()).map(found => found ?? {}),
  })
  .rest(v.unknown())

export type Network = v.Infer<typeof Network>
export type Range = v.Infer<typeof Range>

/** The networks of the engine that take their addresses from the plugin; not those that are only a description. */
export async function networksOf(engine: Engine): Promise<readonly Network[]> {
  const ids = (await engine.docker(['network', 'ls', '-q', '--no-trunc'])).split('\n')
  const answer: unknown = JSON.parse(await engine.docker(['network', 'inspect', ...ids]))
  const networks = v.array(Network).parse(answer, { mode: 'passthrough' })
  return networks.filter(({ IPAM, ConfigOnly }) => IPAM.Driver === BERTH_IPAM.name && !ConfigOnly)
}
