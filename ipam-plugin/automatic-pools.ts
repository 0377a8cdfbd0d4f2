import { Refusal } from '../shared/refusal.ts'
import type { Family, Subnet } from './addresses.ts'
import { firstGap } from './pool-changes.ts'

/** Where automatic pools are cut from: subnets of `length` inside `base`. */
export type DefaultPool = { readonly base: Subnet; readonly length: number }

/**
 * The first subnet of the defaults that overlaps with none of `taken`.
 *
 * @throws {Refusal} where there is none
 */
export function chooseSubnet(
  defaults: readonly DefaultPool[],
  taken: readonly Subnet[],
  family: Family,
): Subnet {
  const ofFamily = defaults.filter(({ base }) => base.family === family)
  for (const { base, length } of ofFamily) {
    const subnet = firstGap(base, length, taken)
    if (subnet) return subnet
  }
  throw new Refusal(
    'no-default-pool',
    ofFamily.length === 0
      ? `No IPv${family} subnet was given, and DEFAULT_POOLS names none to choose from; name one with --subnet`
      : `No IPv${family} subnet was given, and all of DEFAULT_POOLS are in use; name one with --subnet`,
  )
}
