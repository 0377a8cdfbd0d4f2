import { formatSubnet, parseSubnet, rangeOf, within } from './addresses.ts'
import type { Subnet } from './addresses.ts'

/** The engine stores this text for years: its form never changes. */
export type PoolId = string & { readonly brand: unique symbol }

/** What a pool is: a subnet of a segment, and the part of it that dynamic picks come from. */
export type Pool = {
  readonly id: PoolId
  readonly segment: string
  readonly subnet: Subnet
  readonly subPool: Subnet | undefined
}

const SEGMENT = /^[a-z0-9-]{1,32}$/

/** @throws {Error} */
export function parseSegment(text: string): string {
  if (!SEGMENT.test(text)) throw new Error('Must be 1 to 32 of the characters a-z, 0-9 and "-"')
  return text
}

/** @throws {Error} where the sub-pool is not a part of the subnet */
export function makePool(segment: string, subnet: Subnet, subPool: Subnet | undefined): Pool {
  if (subPool && !within(rangeOf(subPool), rangeOf(subnet))) {
    throw new Error(`The range ${formatSubnet(subPool)} is not inside ${formatSubnet(subnet)}`)
  }
  const id = [segment, formatSubnet(subnet), subPool ? formatSubnet(subPool) : '-'].join('~')
  return { id: id as PoolId, segment, subnet, subPool }
}

/** @throws {Error} for a text that `makePool` would not have written */
export function parsePoolId(text: string): Pool {
  const [segment, subnet, subPool, ...rest] = text.split('~')
  if (segment === undefined || subnet === undefined || subPool === undefined || rest.length > 0) {
    throw new Error(`"${text}" is not a pool id such as default~192.0.2.0/24~-`)
  }
  const parsed = subPool === '-' ? undefined : parseSubnet(subPool)
  const pool = makePool(parseSegment(segment), parseSubnet(subnet), parsed)
  if (pool.id !== text) throw new Error(`"${text}" is not a pool id: the right one is ${pool.id}`)
  return pool
}
