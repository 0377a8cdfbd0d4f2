import { GATEWAY, MAC } from './driver-world.ts'

/** A request that must be refused, and what the sentence must say: the value, what stands against it, what would help. */
export type BadRequest = {
  readonly name: string
  readonly method: string
  readonly body: unknown
  readonly says: readonly RegExp[]
}

export const SUBNET = '192.0.2.0/29'
export const POOL = `default~${SUBNET}~-`
/** How the world of these requests is: what it has in `POOL`. */
export const WORLD = {
  gateway: '192.0.2.6',
  excluded: '192.0.2.5',
  used: '192.0.2.2',
  mac: '02:42:c0:00:02:02',
}

const endpoint = { [MAC]: '02:42:c0:00:02:03' }

function pool(
  name: string,
  changes: Readonly<Record<string, unknown>>,
  ...says: readonly RegExp[]
): BadRequest {
  const good = {
    AddressSpace: 'berth',
    Pool: '198.51.100.0/24',
    SubPool: '',
    Options: {},
    V6: false,
  }
  return { name, method: 'RequestPool', body: { ...good, ...changes }, says }
}

function option(name: string, key: string, value: string, ...says: readonly RegExp[]): BadRequest {
  return pool(name, { Options: { [key]: value } }, new RegExp(`${key}=${value}`), ...says)
}

function address(
  name: string,
  changes: Readonly<Record<string, unknown>>,
  ...says: readonly RegExp[]
): BadRequest {
  const body = { PoolID: POOL, Address: '', Options: endpoint, ...changes }
  return { name, method: 'RequestAddress', body, says }
}

export const BAD_REQUESTS: readonly BadRequest[] = [
  { name: 'no such method', method: 'RequestSubnet', body: {}, says: [/RequestSubnet/] },
  {
    name: 'an array',
    method: 'RequestAddress',
    body: [],
    says: [/RequestAddress/, /array|object/],
  },
  { name: 'null', method: 'ReleasePool', body: null, says: [/ReleasePool/] },
  { name: 'no fields', method: 'RequestPool', body: {}, says: [/RequestPool/, /AddressSpace/] },
  {
    name: 'a release of no address',
    method: 'ReleaseAddress',
    body: { PoolID: POOL },
    says: [/Address/],
  },
  pool('V6 as text', { V6: 'yes' }, /V6/, /boolean/),
  pool('an option that is a number', { Options: { k: 1 } }, /Options/, /string/),
  pool('another address space', { AddressSpace: 'global' }, /"global"/, /"berth"/),
  pool('no subnet', { Pool: '' }, /--subnet/, /DEFAULT_POOLS/),
  pool('a subnet that is none', { Pool: 'lan' }, /lan/, /192\.0\.2\.0\/24/),
  pool(
    'host bits',
    { Pool: '198.51.100.7/24' },
    /198\.51\.100\.7\/24/,
    /host bits/,
    /198\.51\.100\.0\/24/,
  ),
  pool('every address there is', { Pool: '0.0.0.0/0' }, /0\.0\.0\.0\/0/, /from 1 to 32/),
  pool('IPv4 for IPv6', { V6: true }, /198\.51\.100\.0\/24/, /IPv6/),
  pool('IPv6 for IPv4', { Pool: '2001:db8::/64' }, /2001:db8::\/64/, /IPv4/),
  pool(
    'a range outside',
    { SubPool: '203.0.113.0/28' },
    /203\.0\.113\.0\/28/,
    /198\.51\.100\.0\/24/,
  ),
  pool(
    'a range with host bits',
    { SubPool: '198.51.100.7/28' },
    /--ip-range/,
    /198\.51\.100\.0\/28/,
  ),
  pool(
    'a range alone',
    { Pool: '', SubPool: '198.51.100.0/28' },
    /198\.51\.100\.0\/28/,
    /--subnet/,
  ),
  pool(
    'an overlap',
    { Pool: '192.0.2.0/24' },
    /192\.0\.2\.0\/24/,
    /192\.0\.2\.0\/29/,
    /testhost/,
    /choose|segment/,
  ),
  option('an unknown option', 'berth.colour', 'blue', /berth\.segment/),
  option('owners', 'berth.owner', 'mac', /leave it out/),
  option('stickiness', 'berth.sticky', '24h', /leave it out/),
  option('a rest that is none', 'berth.cooldown', 'soon', /60s/),
  option('a segment that is none', 'berth.segment', 'LAN 1', /a-z/),
  option('an exclusion that is none', 'berth.exclude', 'printer', /printer/),
  option('an exclusion backwards', 'berth.exclude', '198.51.100.9-198.51.100.3', /lower/),
  pool(
    'an exclusion outside',
    { Options: { 'berth.exclude': '203.0.113.7' } },
    /203\.0\.113\.7/,
    /198\.51\.100\.0\/24/,
  ),
  pool(
    'another rest',
    { Pool: SUBNET, Options: { 'berth.cooldown': '1s' } },
    /60000ms/,
    /1000ms/,
    /testhost/,
  ),
  address(
    'an unknown pool',
    { PoolID: 'default~203.0.113.0/24~-' },
    /203\.0\.113\.0\/24/,
    /create it again/,
  ),
  address('a pool id that is none', { PoolID: 'lan' }, /lan/),
  address('an address that is none', { Address: '192.0.2.300' }, /192\.0\.2\.300/),
  address('an address with a length', { Address: '192.0.2.3/29' }, /192\.0\.2\.3\/29/),
  address(
    'an address outside',
    { Address: '192.0.3.9' },
    /192\.0\.3\.9/,
    /192\.0\.2\.0\/29/,
    /choose/,
  ),
  address(
    'an address of the other family',
    { Address: '2001:db8::9' },
    /2001:db8::9/,
    /192\.0\.2\.0\/29/,
  ),
  address('the network address', { Address: '192.0.2.0' }, /192\.0\.2\.0/, /choose another/),
  address('the broadcast address', { Address: '192.0.2.7' }, /192\.0\.2\.7/, /choose another/),
  address(
    'an excluded address',
    { Address: WORLD.excluded },
    /192\.0\.2\.5/,
    /berth\.exclude/,
    /testhost/,
  ),
  address(
    'a used address',
    { Address: WORLD.used },
    /192\.0\.2\.2/,
    /testhost/,
    new RegExp(WORLD.mac),
  ),
  address('the gateway', { Address: WORLD.gateway }, /192\.0\.2\.6/, /gateway/, /choose another/),
  address(
    'a used address as aux',
    { Address: WORLD.used, Options: null },
    /192\.0\.2\.2/,
    new RegExp(WORLD.mac),
  ),
  address(
    'another gateway',
    { Address: '192.0.2.3', Options: GATEWAY },
    /192\.0\.2\.6/,
    /192\.0\.2\.3/,
    /testhost/,
  ),
  address('an overlay', { Options: { 'com.docker.network.ipam.serial': 'true' } }, /macvlan/),
  address('an address as number', { Address: 7 }, /Address/, /string/),
  {
    name: 'a release of an address outside',
    method: 'ReleaseAddress',
    body: { PoolID: POOL, Address: '203.0.113.9' },
    says: [/203\.0\.113\.9/, /192\.0\.2\.0\/29/],
  },
  {
    name: 'a release in a pool id that is none',
    method: 'ReleaseAddress',
    body: { PoolID: 'lan', Address: '192.0.2.2' },
    says: [/"lan"/, /default~192\.0\.2\.0\/24~-/],
  },
]
