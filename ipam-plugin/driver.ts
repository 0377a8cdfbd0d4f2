import { setImmediate as turn } from 'node:timers/promises'
import type { Call, Methods } from '../shared/plugin-server.ts'
import { Refusal } from '../shared/refusal.ts'
import type { RefusalCode } from '../shared/refusal.ts'
import {
  contains,
  formatAddress,
  formatSubnet,
  parseAddress,
  parseSubnet,
  rangeOf,
} from './addresses.ts'
import type { Address, Family, Subnet } from './addresses.ts'
import { allocateAny, allocateThis } from './allocation.ts'
import { checkExclusions, parseExclusion } from './exclusions.ts'
import type { Ipam } from './ipam.ts'
import { parseOptions } from './options.ts'
import { makePool, parsePoolId } from './pool-id.ts'
import type { Pool } from './pool-id.ts'
import type { HostPool } from './pool-book.ts'
import type { PoolOrder } from './pools.ts'
import { outsidePool } from './sentences.ts'
import * as wire from './wire.ts'

export const ADDRESS_SPACE = 'berth'

/** The methods that the engine calls without a body. */
export const BODILESS = [
  'Plugin.Activate',
  'IpamDriver.GetCapabilities',
  'IpamDriver.GetDefaultAddressSpaces',
] as const

/**
 * libnetwork's IPAM protocol (moby, ipams/remote). Capabilities and address spaces are answered from nothing: the
 * engine asks once, and an error there would register a driver without capabilities.
 *
 * @param started resolves once requests can be served; throws a Refusal that says why not yet
 */
export function ipamMethods(started: () => Promise<Ipam>): Methods {
  return {
    'Plugin.Activate': () => ({ Implements: ['IpamDriver'] }),
    'IpamDriver.GetCapabilities': (): wire.Capabilities => ({
      RequiresMACAddress: true,
      RequiresRequestReplay: false,
    }),
    'IpamDriver.GetDefaultAddressSpaces': (): wire.AddressSpaces => ({
      LocalDefaultAddressSpace: ADDRESS_SPACE,
      GlobalDefaultAddressSpace: ADDRESS_SPACE,
    }),
    'IpamDriver.RequestPool': async (body, call) =>
      await requestPool(started, wire.readRequestPool(body), call),
    'IpamDriver.ReleasePool': async (body, call) => {
      const { PoolID } = wire.readReleasePool(body)
      call.note({ pool: PoolID })
      const { pools } = await started()
      call.note({ result: await pools.release(PoolID) })
      return {}
    },
    'IpamDriver.RequestAddress': async (body, call) => {
      const request = wire.readRequestAddress(body)
      return await requestAddress(await started(), request, call)
    },
    'IpamDriver.ReleaseAddress': async (body, call) => {
      const request = wire.readReleaseAddress(body)
      return await releaseAddress(await started(), request, call)
    },
  }
}

async function requestPool(
  started: () => Promise<Ipam>,
  request: wire.RequestPool,
  call: Call,
): Promise<wire.PoolAnswer> {
  call.note({ pool: request.Pool, range: request.SubPool })
  const order = readOrder(request)
  const { pools, membership } = await started()
  const pool = await pools.request(order, () => membership.serving())
  call.note({ pool: pool.id })
  await turn()
  if (call.caller.aborted) {
    await pools.release(pool.id)
    throw new Refusal(
      'caller-gone',
      `The engine hung up; its use of the pool ${pool.id} was taken back`,
    )
  }
  return { PoolID: pool.id, Pool: formatSubnet(pool.subnet), Data: {} }
}

/** @throws {Refusal} for anything that is not a pool */
function readOrder(request: wire.RequestPool): PoolOrder {
  const { AddressSpace, Pool, SubPool, V6 } = request
  if (AddressSpace !== ADDRESS_SPACE) {
    throw new Refusal(
      'bad-request',
      `There is no address space "${AddressSpace}"; the only one is "${ADDRESS_SPACE}"`,
    )
  }
  const options = parseOptions(request.Options)
  const family = V6 ? 6 : 4
  const subnet = Pool === '' ? undefined : readSubnet('--subnet', Pool)
  const subPool = SubPool === '' ? undefined : readSubnet('--ip-range', SubPool)
  if (subnet && subnet.family !== family) {
    throw new Refusal(
      'bad-subnet',
      `The subnet ${Pool} is not an IPv${family} subnet, which was asked for`,
    )
  }
  if (subPool && !subnet) {
    throw new Refusal(
      'bad-subnet',
      `The range ${SubPool} needs a subnet around it; name one with --subnet`,
    )
  }
  const { segment, cooldownMs } = options
  const exclude = exclusionsFor(family, subnet, options.exclude)
  const pool = subnet && refusing('bad-subnet', '', () => makePool(segment, subnet, subPool))
  return { segment, family, pool, exclude, cooldownMs }
}

/** The engine sends the options of a network with each of its pools: those of the other family are not for this one. */
function exclusionsFor(
  family: Family,
  subnet: Subnet | undefined,
  all: readonly string[],
): string[] {
  const exclude = all.filter(text => parseExclusion(text).family === family)
  if (subnet)
    refusing('bad-option', 'Option berth.exclude: ', () => checkExclusions(exclude, subnet))
  else if (exclude.length > 0) {
    throw new Refusal(
      'bad-option',
      `Option berth.exclude=${exclude.join(',')} needs a subnet; name one with --subnet`,
    )
  }
  return exclude
}

async function requestAddress(
  ipam: Ipam,
  request: wire.RequestAddress,
  call: Call,
): Promise<wire.AddressAnswer> {
  call.note({ pool: request.PoolID })
  const hostPool = ipam.pools.joined(request.PoolID)
  const { pool } = hostPool
  const wanted = request.Address === '' ? undefined : readAddressOf(pool, request.Address)
  if (wanted) call.note({ address: formatAddress(wanted) })
  const address = formatAddress(await give(ipam, hostPool, wanted, request.Options, call))
  call.note({ address })
  return { Address: `${address}/${pool.subnet.length}`, Data: {} }
}

/**
 * Which of three is meant, told by the options alone: a gateway says so; an endpoint has a MAC, since we require one;
 * an auxiliary address has an address and neither.
 */
async function give(
  ipam: Ipam,
  hostPool: HostPool,
  wanted: Address | undefined,
  options: wire.RequestAddress['Options'],
  { caller }: Call,
): Promise<Address> {
  if (options[wire.OPTION_SERIAL] !== undefined) {
    throw new Refusal(
      'unsupported',
      'Berth gives addresses to networks whose hosts ask for themselves, such as macvlan; not to a swarm overlay',
    )
  }
  if (options[wire.OPTION_TYPE] === wire.TYPE_GATEWAY)
    return await ipam.pools.gateway(hostPool, wanted)
  const mac = options[wire.OPTION_MAC]
  if (wanted && mac === undefined) return await ipam.pools.aux(hostPool, wanted)
  const name = options[wire.OPTION_NAME]
  const endpoint = { ...(mac ? { mac } : {}), ...(name ? { name } : {}) }
  return wanted
    ? await allocateThis(ipam, hostPool, wanted, endpoint, caller)
    : await allocateAny(ipam, hostPool, endpoint, caller)
}

/** Nothing that is asked to be released twice, or that this host does not hold, is an error: the wish is fulfilled. */
async function releaseAddress(
  { claims, pools }: Ipam,
  { PoolID, Address: text }: wire.ReleaseAddress,
  call: Call,
): Promise<object> {
  call.note({ pool: PoolID, address: text })
  const pool = refusing('bad-request', '', () => parsePoolId(PoolID))
  const address = readAddressOf(pool, text)
  const result = await claims.release({ pool, cooldownMs: pools.cooldownOf(pool.id) }, address)
  call.note({ result })
  return {}
}

function readAddressOf(pool: Pool, text: string): Address {
  const address = refusing('bad-request', '', () => parseAddress(text))
  if (!contains(rangeOf(pool.subnet), address)) throw outsidePool(address, pool)
  return address
}

function readSubnet(option: string, text: string): Subnet {
  return refusing('bad-subnet', `Cannot use ${option} ${text}: `, () => parseSubnet(text))
}

/** Turns what a parser throws into the refusal that the user reads. */
function refusing<T>(code: RefusalCode, before: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    throw new Refusal(code, before + (cause as Error).message, { cause })
  }
}
