import type { Store } from '../shared/store.ts'
import { Claims } from './claims.ts'
import type { Journal } from './journal.ts'
import { PoolTransactions } from './pool-transactions.ts'
import { Pools } from './pools.ts'
import type { DefaultPool } from './pools.ts'
import { Registration } from './registration.ts'
import type { Host } from './host.ts'
import { Settlement } from './settlement.ts'
import { SharedAddresses } from './shared-addresses.ts'

/** Everything that answers the engine, once it has started. */
export type Ipam = {
  readonly pools: Pools
  readonly claims: Claims
  readonly shared: SharedAddresses
  readonly store: Store
  /** Finishes what failed or was left behind; called now and then. */
  readonly settle: () => Promise<void>
}

/**
 * Starts in the order of the protocol: fence (nothing sent before can commit any more), settle what a crash or a reboot
 * left, then serve. Nothing may be claimed before it returns.
 */
export async function startIpam(
  store: Store,
  journal: Journal,
  host: Host,
  defaultPools: readonly DefaultPool[],
): Promise<Ipam> {
  const registration = await Registration.register(store, host)
  const transactions = new PoolTransactions(store, registration)
  const claims = new Claims(store, journal, registration)
  const pools = new Pools(store, journal, transactions, defaultPools, key => claims.isUnderWay(key))
  const settlement = new Settlement(store, journal, registration, claims)
  const settleClaims = () => settlement.settle(id => pools.cooldownOf(id))
  await pools.load()
  await settleClaims()
  for (const here of pools.all()) await settlement.releaseOrphans(here)
  await pools.leaveEmpty()
  let settling: Promise<void> | undefined
  const settleAll = async () => {
    if (settlement.isNeeded) await settleClaims()
    await pools.leaveEmpty()
  }
  const settle = () => (settling ??= settleAll().finally(() => (settling = undefined)))
  return {
    pools,
    claims,
    shared: new SharedAddresses(store, registration, transactions),
    store,
    settle,
  }
}
