import { GATEWAY, MAC } from './driver-world.ts'
import type { Answer, Plugin } from './process.ts'

export const SUBNET = '192.0.2.0/29'
export const RANGE = '192.0.2.4/30'
export const POOL = `default~${SUBNET}~${RANGE}`
export const OTHER_SUBNET = '198.51.100.0/29'
export const OTHER_POOL = `default~${OTHER_SUBNET}~-`
/** The answered endpoint that every scenario begins with, the only address it has in `POOL`. */
export const HELD = '192.0.2.4'

/** What is found after a restart: each address's state, and the networks of each pool of this host. */
export type Found = {
  readonly addresses: Readonly<Record<string, string>>
  readonly pools: Readonly<Record<string, number>>
}

export type Scenario = {
  readonly name: string
  /** Answered calls before the one that is cut off. */
  readonly before: (plugin: Plugin) => Promise<unknown>
  readonly act: (plugin: Plugin) => Promise<Answer>
  /** From this call of the store or journal on, the call takes effect although its caller heard nothing. */
  readonly pointOfNoReturn: RegExp
  /** Whether it claims an address: then there is one step at which it may be kept unheard, and no more. */
  readonly claims?: true
  /** Answered after a moment, though it is not done yet: then the answer may come before the kill. */
  readonly answersEarly?: true
  /** What the call changes, where it takes effect; `idle` also stands for "no record". */
  readonly changes: Found
  /** What there is instead where it does not. */
  readonly stays: Found
}

const nothing = async () => {}
const none: Found = { addresses: {}, pools: {} }

/** Every call that changes anything, first and last uses of a pool told apart. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a dynamic address',
    before: nothing,
    act: plugin => requestEndpoint(plugin, ''),
    pointOfNoReturn: /^journal\.writeAddress .*"held"/,
    claims: true,
    changes: { ...none, addresses: { '192.0.2.5': 'used' } },
    stays: { ...none, addresses: { '192.0.2.5': 'idle' } },
  },
  {
    name: 'a static address',
    before: nothing,
    act: plugin => requestEndpoint(plugin, '192.0.2.2'),
    pointOfNoReturn: /^journal\.writeAddress .*"held"/,
    claims: true,
    changes: { ...none, addresses: { '192.0.2.2': 'used' } },
    stays: { ...none, addresses: { '192.0.2.2': 'idle' } },
  },
  {
    name: 'a gateway that is elected',
    before: nothing,
    act: plugin => request(plugin, '', GATEWAY),
    pointOfNoReturn: /^store\.commit /,
    changes: { ...none, addresses: { '192.0.2.1': 'shared' } },
    stays: { ...none, addresses: { '192.0.2.1': 'idle' } },
  },
  {
    name: 'an auxiliary address',
    before: nothing,
    act: plugin => request(plugin, '192.0.2.6', null),
    pointOfNoReturn: /^store\.commit /,
    changes: { ...none, addresses: { '192.0.2.6': 'shared' } },
    stays: { ...none, addresses: { '192.0.2.6': 'idle' } },
  },
  {
    name: 'a release',
    before: plugin => requestEndpoint(plugin, '192.0.2.2'),
    act: plugin => plugin.call('ReleaseAddress', { PoolID: POOL, Address: '192.0.2.2' }),
    pointOfNoReturn: /^journal\.writeAddress .*"releasing"/,
    answersEarly: true,
    changes: { ...none, addresses: { '192.0.2.2': 'idle' } },
    stays: { ...none, addresses: { '192.0.2.2': 'used' } },
  },
  {
    name: 'the first use of a pool',
    before: nothing,
    act: plugin => requestPool(plugin, OTHER_SUBNET, ''),
    pointOfNoReturn: /^journal\.writePool .*"joined"/,
    changes: { ...none, pools: { [OTHER_POOL]: 1 } },
    stays: none,
  },
  {
    name: 'the second use of a pool',
    before: nothing,
    act: plugin => requestPool(plugin, SUBNET, RANGE),
    pointOfNoReturn: /^journal\.writePool .*"joined"/,
    changes: { ...none, pools: { [POOL]: 2 } },
    stays: { ...none, pools: { [POOL]: 1 } },
  },
  {
    name: 'the end of one of two uses of a pool',
    before: plugin => requestPool(plugin, SUBNET, RANGE),
    act: plugin => plugin.call('ReleasePool', { PoolID: POOL }),
    pointOfNoReturn: /^journal\.writePool .*"joined"/,
    changes: { ...none, pools: { [POOL]: 1 } },
    stays: { ...none, pools: { [POOL]: 2 } },
  },
  {
    name: 'the end of the last use of a pool with a gateway',
    before: async plugin => {
      await requestPool(plugin, OTHER_SUBNET, '')
      await request(plugin, '198.51.100.6', GATEWAY, OTHER_POOL)
    },
    act: plugin => plugin.call('ReleasePool', { PoolID: OTHER_POOL }),
    pointOfNoReturn: /^journal\.writePool .*"leaving"/,
    answersEarly: true,
    changes: { ...none, addresses: { '198.51.100.6': 'idle' } },
    stays: { pools: { [OTHER_POOL]: 1 }, addresses: { '198.51.100.6': 'shared' } },
  },
  {
    name: 'the end of the last use of a pool that still has an address in use',
    before: nothing,
    act: plugin => plugin.call('ReleasePool', { PoolID: POOL }),
    pointOfNoReturn: /^journal\.writePool .*"leaving"/,
    answersEarly: true,
    changes: { ...none, pools: { [POOL]: 0 } },
    stays: { ...none, pools: { [POOL]: 1 } },
  },
]

export async function requestPool(plugin: Plugin, Pool: string, SubPool: string): Promise<Answer> {
  const body = { AddressSpace: 'berth', Pool, SubPool, Options: {}, V6: false }
  return await plugin.call('RequestPool', body)
}

export async function requestEndpoint(
  plugin: Plugin,
  address: string,
  pool = POOL,
): Promise<Answer> {
  return await request(plugin, address, { [MAC]: '02:42:c0:00:02:05' }, pool)
}

async function request(
  plugin: Plugin,
  Address: string,
  Options: Readonly<Record<string, string>> | null,
  PoolID = POOL,
): Promise<Answer> {
  return await plugin.call('RequestAddress', { PoolID, Address, Options })
}
