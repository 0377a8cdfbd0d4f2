import { BITS, formatSubnet } from './addresses.ts'
import type { Address, Subnet } from './addresses.ts'

/** Where each record stands in the store. Fixed-width hex keeps addresses in the order of their numbers. */

export const segmentKey = (segment: string): string => `v1/segments/${segment}`

export const POOLS = 'v1/pools/'

export const poolKey = (segment: string, subnet: Subnet): string =>
  `${POOLS}${segment}/${formatSubnet(subnet)}`

export const ADDRESSES = 'v1/addresses/'

/** Where the keys of a segment's addresses begin. */
export const addressesOf = (segment: string): string => `${ADDRESSES}${segment}/`

export const addressKey = (segment: string, { family, value }: Address): string =>
  `${addressesOf(segment)}${family}${value.toString(16).padStart(BITS[family] / 4, '0')}`

export const HOSTS = 'v1/hosts/'

export const hostKey = (host: string): string => `${HOSTS}${host}`

export const SEEN = 'v1/seen/'

export const seenKey = (host: string): string => `${SEEN}${host}`

export const RECOVERY = 'v1/recovery'

/** The segment that the key of an address names. */
export const segmentOfKey = (key: string): string =>
  key.slice(ADDRESSES.length, key.lastIndexOf('/'))

/** The address that a key ending in family and hex stands for. */
export function addressOfKey(key: string): Address {
  const tail = key.slice(key.lastIndexOf('/') + 1)
  return { family: tail.startsWith('4') ? 4 : 6, value: BigInt(`0x${tail.slice(1)}`) }
}
