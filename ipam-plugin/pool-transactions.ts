import { setTimeout as sleep } from 'node:timers/promises'
import { Refusal } from '../shared/refusal.ts'
import type { CommitResult, Condition, Store, Transaction, Write } from '../shared/store.ts'
import { OutcomeUnknown, unchanged } from '../shared/store.ts'
import { formatSubnet, parseAddress } from './addresses.ts'
import type { Subnet } from './addresses.ts'
import { addressKey, poolKey, segmentKey } from './keys.ts'
import type { Pool } from './pool-id.ts'
import {
  created,
  isEmpty,
  isUsed,
  joined,
  left,
  overlapping,
  withoutShared,
} from './pool-changes.ts'
import type { JoinRequest } from './pool-changes.ts'
import { readAddress, readPool, readSegment, write } from './records.ts'
import type { PoolRecord, SegmentRecord } from './records.ts'
import type { Registration } from './registration.ts'
import { alreadyThere } from './sentences.ts'

const DEADLINE_MS = 900
const AGAIN_AFTER_MS = 50

/** Each change of a pool's shared records is one transaction, tried again with what it lost to. */
export class PoolTransactions {
  readonly #store: Store
  readonly #registration: Registration

  constructor(store: Store, registration: Registration) {
    this.#store = store
    this.#registration = registration
  }

  /** Nothing that this host sent before commits afterwards. */
  async fence(): Promise<void> {
    await this.#registration.fence()
  }

  async subnets(segment: string): Promise<readonly string[]> {
    return readSegment(await this.#store.get(segmentKey(segment)))?.subnets ?? []
  }

  /**
   * Makes this host a user of the pool, and makes the pool where there is none.
   *
   * @throws {Refusal} where it overlaps with another subnet of the segment, or differs from what other hosts said
   */
  async join(request: JoinRequest): Promise<PoolRecord> {
    const { pool } = request
    return await this.commit(async () => {
      const segmentEntry = await this.#store.get(segmentKey(pool.segment))
      const poolEntry = await this.#store.get(poolKey(pool.segment, pool.subnet))
      const before = readPool(poolEntry)
      const segment = readSegment(segmentEntry) ?? { subnets: [] }
      if (before && request.automatic && !isOwn(before, this.#registration.host.id)) {
        throw alreadyThere(pool)
      }
      if (!before) await this.#refuseOverlap(pool, segment)
      const { host, generation } = this.#registration
      const record = joined(before ?? created(host, request), host, generation, request)
      const put = { put: poolKey(pool.segment, pool.subnet), value: write(record) }
      const require = [unchanged(put.put, poolEntry)]
      if (before) return { require, write: [put], result: record }
      const grown = { subnets: [...segment.subnets, formatSubnet(pool.subnet)].toSorted() }
      return {
        require: [...require, unchanged(segmentKey(pool.segment), segmentEntry)],
        write: [put, { put: segmentKey(pool.segment), value: write(grown) }],
        result: record,
      }
    })
  }

  /** Ends this host's use of the pool. What no host needs any more goes with it: gateway, aux, the pool itself. */
  async leave(pool: Pool): Promise<void> {
    await this.commit(() => this.#leaving(pool, this.#registration.host.id, Infinity))
  }

  /**
   * Ends another host's use of the pool, if it joined under an older generation than `before`. The operator's word, not
   * this host's: so it needs no fence.
   *
   * @throws {OutcomeUnknown | StoreUnavailable} to be called again
   */
  async expel(pool: Pool, host: string, before: number): Promise<void> {
    for (;;) {
      const { require, write: writes } = await this.#leaving(pool, host, before)
      if (writes.length === 0) return
      if ((await this.#store.commit({ require, write: writes })).committed) return
    }
  }

  /** Commits what `change` makes of the current records under this host's fence, again until it is not lost. */
  async commit<T>(change: () => Promise<Change<T>>): Promise<T> {
    const deadline = AbortSignal.timeout(DEADLINE_MS)
    for (;;) {
      // Taken before anything is read: what was read without them might be of another store.
      const fence = this.#registration.place.conditions()
      const { epoch } = this.#registration.place
      const { require, write: writes, result } = await change()
      if (writes.length === 0) return result
      const transaction = { require: [...require, ...fence], write: writes }
      const outcome = await this.#attempt(transaction, deadline)
      if (!outcome) continue
      if (this.#registration.place.epoch !== epoch) {
        throw new OutcomeUnknown('This host had to register anew meanwhile; try again')
      }
      if (outcome.committed) return result
      if (deadline.aborted)
        throw new Refusal('deadline', 'Too many hosts change this pool at once; try again')
      if (!this.#registration.place.stillHeld(outcome.current)) await this.#registration.refresh()
    }
  }

  async #leaving(pool: Pool, host: string, before: number): Promise<Change<undefined>> {
    const poolEntry = await this.#store.get(poolKey(pool.segment, pool.subnet))
    const record = readPool(poolEntry)
    const user = record?.users[host]
    if (!record || (user && user.generation >= before))
      return { require: [], write: [], result: undefined }
    const rest = left(record, host, pool)
    const shared = isUsed(rest, pool) ? noShared : await this.#unshare(pool, record)
    const removal = isEmpty(rest)
      ? await this.#removal(pool)
      : { require: [], write: [putPool(pool, withoutShared(rest, shared.gone))] }
    return {
      require: [
        unchanged(poolKey(pool.segment, pool.subnet), poolEntry),
        ...shared.require,
        ...removal.require,
      ],
      write: [...shared.write, ...removal.write],
      result: undefined,
    }
  }

  /** Undefined where the outcome was unknown: it is fenced off by now, and the change is made anew from what is there. */
  async #attempt(change: Transaction, deadline: AbortSignal): Promise<CommitResult | undefined> {
    try {
      return await this.#store.commit(change)
    } catch (error) {
      if (!(error instanceof OutcomeUnknown) || deadline.aborted) throw error
      await sleep(AGAIN_AFTER_MS)
      await this.fence()
      return undefined
    }
  }

  async #refuseOverlap(pool: Pool, segment: SegmentRecord): Promise<void> {
    const [other] = overlapping(segment, pool.subnet)
    if (!other) return
    throw new Refusal(
      'pool-overlaps',
      `The subnet ${formatSubnet(pool.subnet)} overlaps with ${formatSubnet(other)}, ` +
        `used on ${await this.#usersOf(pool.segment, other)} in segment "${pool.segment}"; ` +
        `choose another subnet, or another berth.segment if it is another LAN`,
    )
  }

  async #usersOf(segment: string, subnet: Subnet): Promise<string> {
    const record = readPool(await this.#store.get(poolKey(segment, subnet)))
    const names = Object.values(record?.users ?? {}).map(({ name }) => name)
    return names.length > 0 ? `host ${names.join(', ')}` : 'no host any more'
  }

  async #unshare(pool: Pool, record: PoolRecord): Promise<Unshared> {
    const texts = [...(record.gateway ? [record.gateway.address] : []), ...record.aux]
    const changes = await Promise.all(texts.map(text => this.#unshareOne(pool, text)))
    return {
      gone: changes.flatMap(({ gone }) => gone),
      require: changes.flatMap(({ require }) => require),
      write: changes.flatMap(({ write: writes }) => writes),
    }
  }

  async #unshareOne(pool: Pool, text: string): Promise<Unshared> {
    const key = addressKey(pool.segment, parseAddress(text))
    const entry = await this.#store.get(key)
    const record = readAddress(entry)
    if (record?.state !== 'shared' || !record.pools.includes(pool.id)) return noShared
    const pools = record.pools.filter(id => id !== pool.id)
    const require = [unchanged(key, entry)]
    if (pools.length === 0) return { gone: [text], require, write: [{ delete: key }] }
    return { gone: [], require, write: [{ put: key, value: write({ ...record, pools }) }] }
  }

  async #removal({ segment, subnet }: Pool): Promise<{ require: Condition[]; write: Write[] }> {
    const key = segmentKey(segment)
    const entry = await this.#store.get(key)
    const subnets = readSegment(entry)?.subnets.filter(text => text !== formatSubnet(subnet)) ?? []
    const shrunk = subnets.length > 0 ? { put: key, value: write({ subnets }) } : { delete: key }
    return {
      require: [unchanged(key, entry)],
      write: [{ delete: poolKey(segment, subnet) }, shrunk],
    }
  }
}

const isOwn = (record: PoolRecord, host: string): boolean => record.automatic === host

/** A transaction to be, and what it means once it is committed. Without writes there is nothing to commit. */
export type Change<T> = {
  readonly require: readonly Condition[]
  readonly write: readonly Write[]
  readonly result: T
}

type Unshared = {
  readonly gone: readonly string[]
  readonly require: readonly Condition[]
  readonly write: readonly Write[]
}

const noShared: Unshared = { gone: [], require: [], write: [] }

const putPool = ({ segment, subnet }: Pool, record: PoolRecord): Write => ({
  put: poolKey(segment, subnet),
  value: write(record),
})
