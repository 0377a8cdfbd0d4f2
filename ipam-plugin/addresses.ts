import { Address4, Address6 } from 'ip-address'

export type Family = 4 | 6

/** One address, canonical by construction: made by `parseAddress` or by arithmetic on one that was. */
export type Address = { readonly family: Family; readonly value: bigint }

/** A subnet: `base` has no host bits. */
export type Subnet = { readonly family: Family; readonly base: bigint; readonly length: number }

/** Addresses from `first` to `last`, both included. */
export type Range = { readonly family: Family; readonly first: bigint; readonly last: bigint }

export const BITS = { 4: 32, 6: 128 } as const

/** @throws {Error} for anything but one plain address, such as "192.0.2.7" or "2001:db8::7" */
export function parseAddress(text: string): Address {
  const family = text.includes(':') ? 6 : 4
  try {
    if (text.includes('/') || text.includes('%')) throw new Error('not a plain address')
    const value = family === 4 ? new Address4(text).bigInt() : new Address6(text).bigInt()
    if (family === 6 && value >> 32n === 0xffffn) throw new Error('an IPv4 address in IPv6 clothes')
    return { family, value }
  } catch (cause) {
    throw new Error(`"${text}" is not an IP address`, { cause })
  }
}

/** @throws {Error} for anything but a CIDR without host bits; the message then names the right one */
export function parseSubnet(text: string): Subnet {
  const [address, length, ...rest] = text.split('/')
  if (
    address === undefined ||
    length === undefined ||
    rest.length > 0 ||
    !/^\d{1,3}$/.test(length)
  ) {
    throw new Error(`"${text}" is not a subnet such as 192.0.2.0/24`)
  }
  const { family, value } = parseAddress(address)
  const bits = Number(length)
  if (bits < 1 || bits > BITS[family]) {
    throw new Error(
      `"${text}" is not a subnet: the prefix length must be from 1 to ${BITS[family]}`,
    )
  }
  const base = value & ~hostMask(family, bits)
  const subnet = { family, base, length: bits }
  if (base !== value) {
    throw new Error(`"${text}" has host bits set; the network is ${formatSubnet(subnet)}`)
  }
  return subnet
}

/** The text that Go's netip prints, so that the engine's words and ours compare equal. */
export function formatAddress({ family, value }: Address): string {
  return family === 4 ? dotted(Number(value)) : compressed(value)
}

export function formatSubnet({ family, base, length }: Subnet): string {
  return `${formatAddress({ family, value: base })}/${length}`
}

/** Every address of the subnet, network and broadcast address included. */
export function rangeOf({ family, base, length }: Subnet): Range {
  return { family, first: base, last: base | hostMask(family, length) }
}

/**
 * The addresses that can be given to somebody: without the network address and, for IPv4, the broadcast address. A
 * subnet of one or two addresses has neither (RFC 3021, RFC 6164); moby's newPoolData decides alike for IPv4.
 */
export function usable(subnet: Subnet): Range {
  const { family, first, last } = rangeOf(subnet)
  if (last - first <= 1n) return { family, first, last }
  return { family, first: first + 1n, last: family === 4 ? last - 1n : last }
}

/** The part that both have, or undefined. */
export function intersection(a: Range, b: Range): Range | undefined {
  const first = a.first > b.first ? a.first : b.first
  const last = a.last < b.last ? a.last : b.last
  return a.family === b.family && first <= last ? { family: a.family, first, last } : undefined
}

export function overlap(a: Subnet, b: Subnet): boolean {
  return intersection(rangeOf(a), rangeOf(b)) !== undefined
}

/** Whether `inner` lies wholly in `outer`. */
export function within(inner: Range, outer: Range): boolean {
  return inner.family === outer.family && inner.first >= outer.first && inner.last <= outer.last
}

export function contains(range: Range, { family, value }: Address): boolean {
  return family === range.family && value >= range.first && value <= range.last
}

export function size({ first, last }: Range): bigint {
  return last - first + 1n
}

/** Each answer to the engine has an address; the package would parse again what it has written. */
const dotted = (value: number): string =>
  `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`

/** RFC 5952: the longest of the runs of zeros, and of those the first, is left out. */
function compressed(value: bigint): string {
  const groups = value.toString(16).padStart(32, '0').match(/.{4}/g) ?? []
  const text = groups.map(group => group.replace(/^0{1,3}/, '')).join(':')
  const runs = [...text.matchAll(/\b0(:0)+\b/g)]
  const [longest] = runs.toSorted((a, b) => b[0].length - a[0].length)
  if (!longest) return text
  const before = text.slice(0, longest.index)
  const after = text.slice(longest.index + longest[0].length)
  return `${before || ':'}${after || ':'}`
}

function hostMask(family: Family, length: number): bigint {
  return (1n << BigInt(BITS[family] - length)) - 1n
}
