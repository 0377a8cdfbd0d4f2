import type { Store } from '../shared/store.ts'
import type { DefaultPool } from './automatic-pools.ts'
import { Claims } from './claims.ts'
import { Eviction } from './eviction.ts'
import type { Host } from '../shared/host.ts'
import type { Journal } from './journal.ts'
import { Membership } from './membership.ts'
import type { Report } from './membership.ts'
import type { NoteBook } from './notes.ts'
import { PoolBook } from './pool-book.ts'
import { PoolTransactions } from './pool-transactions.ts'
import { Pools } from './pools.ts'
import { Recovering } from './recovering.ts'
import { Recovery } from './recovery.ts'
import { Registration } from './registration.ts'
import { Returning } from './returning.ts'
import { Settlement } from './settlement.ts'
import { SharedAddresses } from './shared-addresses.ts'

/** Where this host's state is kept, and what it is to be known as. */
export type IpamParts = {
  readonly store: Store
  /** Whether other hosts use the store too. */
  readonly isShared: boolean
  readonly journal: Journal
  readonly notes: NoteBook
  readonly host: Host
  readonly defaultPools: readonly DefaultPool[]
  readonly report: Report
  /** Why this machine may not use the identity in its state directory. */
  readonly barred: () => string | undefined
  readonly beatEveryMs: number
}

/** Everything that answers the engine and the operator. */
export type Ipam = {
  readonly store: Store
  readonly journal: Journal
  readonly registration: Registration
  readonly pools: Pools
  readonly claims: Claims
  readonly membership: Membership
  readonly eviction: Eviction
  readonly recovery: Recovery
}

/**
 * Starts from the journal, which answers at once, and enters the store. Where that is away, it is tried again by
 * `membership.tend`, and nothing is claimed before it has succeeded.
 */
export async function startIpam(parts: IpamParts): Promise<Ipam> {
  const { store, journal, notes, host, defaultPools: defaults, report } = parts
  const registration = await Registration.open(store, notes, host)
  const transactions = new PoolTransactions(store, registration)
  const shared = new SharedAddresses(store, registration, transactions)
  const claims = new Claims(store, journal, registration)
  const isTaken = (key: string) => claims.isUnderWay(key)
  const origin = parts.isShared ? host.id : undefined
  const mayLeave = () => !registration.mayHaveOrphans
  const book = new PoolBook(store, journal, origin, isTaken)
  const pools = new Pools({ book, transactions, shared, defaults, mayLeave })
  const settlement = new Settlement(store, journal, registration, claims)
  const returning = new Returning({ store, journal, registration, claims, pools })
  const recovery = new Recovery(store)
  const own = { store, registration, settlement, returning, pools }
  const recovering = new Recovering({ ...own, recovery, transactions })
  const { barred, beatEveryMs } = parts
  const membership = new Membership({ ...own, recovering, report, barred, beatEveryMs })
  await pools.load()
  await settlement.load()
  await membership.tend()
  const eviction = new Eviction(store, transactions)
  return { store, journal, registration, pools, claims, membership, eviction, recovery }
}
