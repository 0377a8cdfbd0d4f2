import { Refusal } from '../shared/refusal.ts'
import type { Store } from '../shared/store.ts'
import { unchanged } from '../shared/store.ts'
import { contains, formatAddress, formatSubnet, usable } from './addresses.ts'
import type { Address } from './addresses.ts'
import { Candidates } from './candidates.ts'
import { addressKey, poolKey } from './keys.ts'
import { gatewayFor, withAux } from './pool-changes.ts'
import type { Pool } from './pool-id.ts'
import type { Change, PoolTransactions } from './pool-transactions.ts'
import { readAddress, readPool, write } from './records.ts'
import type { AddressRecord, PoolRecord } from './records.ts'
import type { Registration } from './registration.ts'
import { inUse, networkOrBroadcast, unknownPool } from './sentences.ts'

type Gateway = NonNullable<PoolRecord['gateway']>

/**
 * Gateway and auxiliary addresses: in the pool's record and as address keys, written in one transaction, so that
 * nobody is given one in the same moment. They go with the pool, never by a release.
 */
export class SharedAddresses {
  readonly #store: Store
  readonly #registration: Registration
  readonly #transactions: PoolTransactions

  constructor(store: Store, registration: Registration, transactions: PoolTransactions) {
    this.#store = store
    this.#registration = registration
    this.#transactions = transactions
  }

  /**
   * The gateway of the pool's subnet; undefined asks for whichever it has, else for the first address that is free.
   *
   * @throws {Refusal} where the subnet has another one, or an endpoint has the address
   */
  async gateway(pool: Pool, wanted: Address | undefined): Promise<Gateway> {
    const record = await this.#transactions.commit(() =>
      this.#share(pool, async record => {
        const address = gatewayFor(record.gateway, wanted, pool) ?? (await this.#elect(pool))
        const by = record.gateway?.by ?? this.#registration.host.name
        const text = formatAddress(address)
        const aux = record.aux.filter(other => other !== text)
        return [address, { ...record, aux, gateway: { address: text, by } }]
      }),
    )
    if (!record.gateway) throw new Error('A gateway was written, and is not in the record')
    return record.gateway
  }

  /** @throws {Refusal} where an endpoint has the address, or the pool has too many */
  async aux(pool: Pool, address: Address): Promise<void> {
    await this.#transactions.commit(() =>
      this.#share(pool, async record => [address, withAux(record, address, pool)]),
    )
  }

  async #share(
    pool: Pool,
    choose: (record: PoolRecord) => Promise<[Address, PoolRecord]>,
  ): Promise<Change<PoolRecord>> {
    const poolEntry = await this.#store.get(poolKey(pool.segment, pool.subnet))
    const before = readPool(poolEntry)
    const mine = before?.users[this.#registration.host.id]?.pools ?? {}
    if (!poolEntry || !before || !Object.hasOwn(mine, pool.id)) throw unknownPool(pool.id)
    const [address, after] = await choose(before)
    if (!contains(usable(pool.subnet), address)) throw networkOrBroadcast(address, pool)
    const key = addressKey(pool.segment, address)
    const addressEntry = await this.#store.get(key)
    const current = readAddress(addressEntry)
    if (current?.state === 'used') throw inUse(address, current)
    const record = sharedWith(current, pool)
    if (current && write(current) === write(record) && write(before) === write(after)) {
      return { require: [], write: [], result: after }
    }
    return {
      require: [unchanged(poolEntry.key, poolEntry), unchanged(key, addressEntry)],
      write: [
        { put: poolEntry.key, value: write(after) },
        { put: key, value: write(record) },
      ],
      result: after,
    }
  }

  /** The first address of the subnet that is free and not excluded. */
  async #elect(pool: Pool): Promise<Address> {
    const candidates = new Candidates(
      this.#store,
      { ...pool, subPool: undefined },
      () => false,
      undefined,
    )
    const found = await candidates.next()
    if (found) return { family: pool.subnet.family, value: found.value }
    throw new Refusal(
      'pool-full',
      `There is no free address in ${formatSubnet(pool.subnet)} for a gateway`,
    )
  }
}

function sharedWith(current: AddressRecord | undefined, { id }: Pool): AddressRecord {
  const pools = current?.state === 'shared' ? current.pools : []
  return { state: 'shared', pools: pools.includes(id) ? pools : [...pools, id].toSorted() }
}
