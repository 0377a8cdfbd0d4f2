import { makePool } from '../../ipam-plugin/pool-id.ts'
import { parseSubnet } from '../../ipam-plugin/addresses.ts'
import type { PoolRules } from './record.ts'

/** A pool as all hosts make it, and what its networks are told. */
export type PoolPlan = PoolRules & {
  readonly options: Readonly<Record<string, string>>
  /** Undefined: whichever the pool has. */
  readonly gateway: string | undefined
  readonly aux: readonly string[]
  /** Static addresses are asked for here, as this with a number in place of the star. */
  readonly static: string
}

/** So small that the hosts meet, and reuse what others just released. */
const CROWDED = pool('10.61.0.0/27', '', {
  exclude: ['10.61.0.15-10.61.0.17', '10.61.0.28/31'],
  gateway: '10.61.0.1',
  aux: ['10.61.0.2'],
  cooldown: '0s',
  static: '10.61.0.*',
})

/** One subnet, with ranges of its hosts' own; the gateway is whichever is elected. */
const RANGES = ['10.62.0.0/26', '10.62.1.0/26'].map(range =>
  pool('10.62.0.0/22', range, {
    exclude: ['10.62.0.5'],
    gateway: undefined,
    aux: [],
    cooldown: '1s',
    static: '10.62.3.*',
  }),
)

/** Its networks come and go while the run lasts. */
const REBUILT = pool('fd00:61::/64', '', {
  exclude: [],
  gateway: 'fd00:61::1',
  aux: ['fd00:61::2'],
  cooldown: '0s',
  static: 'fd00:61::*',
})

export const POOLS: readonly PoolPlan[] = [CROWDED, ...RANGES, REBUILT]

/** The pools of one host; the last is the one that is rebuilt. */
export function poolsOf(host: number): readonly PoolPlan[] {
  return [CROWDED, ...RANGES.filter((_, i) => i === host % RANGES.length), REBUILT]
}

function pool(
  subnet: string,
  range: string,
  {
    cooldown,
    exclude,
    ...told
  }: Omit<PoolPlan, 'id' | 'subnet' | 'range' | 'options'> & { cooldown: string },
): PoolPlan {
  const { id } = makePool('default', parseSubnet(subnet), range ? parseSubnet(range) : undefined)
  const excluded = exclude.length > 0 ? { 'berth.exclude': exclude.join(',') } : {}
  const options = { ...excluded, 'berth.cooldown': cooldown }
  return { id, subnet, range, exclude, options, ...told }
}
