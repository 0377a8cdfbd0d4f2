import { commitFirmly } from '../shared/commit-firmly.ts'
import { unchanged } from '../shared/store.ts'
import type { Entry, Store } from '../shared/store.ts'
import { formatAddress } from './addresses.ts'
import type { Claims } from './claims.ts'
import type { AddressEntry, Journal } from './journal.ts'
import { addressOfKey, hostKey } from './keys.ts'
import type { Pools } from './pools.ts'
import { readAddress, readHost, write } from './records.ts'
import type { AddressRecord, UsedRecord } from './records.ts'
import type { Registration } from './registration.ts'
import { usedRecord } from './used-record.ts'

const AT_ONCE = 64
const DEADLINE_MS = 1500

/** Told of each pool and address that could not be had again. */
export type Lost = (what: string, why: string) => void

/**
 * Claims again all that the journal holds, under the generation that is registered now: after an eviction, in another
 * store, or after a recovery. Nothing new may be claimed before it is done.
 */
export class Returning {
  readonly #store: Store
  readonly #journal: Journal
  readonly #registration: Registration
  readonly #claims: Claims
  readonly #pools: Pools

  constructor(parts: {
    store: Store
    journal: Journal
    registration: Registration
    claims: Claims
    pools: Pools
  }) {
    this.#store = parts.store
    this.#journal = parts.journal
    this.#registration = parts.registration
    this.#claims = parts.claims
    this.#pools = parts.pools
  }

  async run(lost: Lost): Promise<void> {
    for (const here of this.#pools.all()) {
      const why = await this.#pools.rejoin(here)
      if (why) lost(here.pool.id, why.message)
    }
    const held = new Set<string>()
    for await (const [key] of this.#journal.addresses()) held.add(key)
    const keys = [...held]
    for (let i = 0; i < keys.length; i += AT_ONCE) {
      const some = keys.slice(i, i + AT_ONCE)
      await Promise.all(some.map(key => this.#reclaimOrLose(key, lost)))
    }
    await this.#registration.noteReturned()
  }

  async #reclaimOrLose(key: string, lost: Lost): Promise<void> {
    await this.#claims.whileHeld(key, async entry => {
      const winner = await this.#reclaim(key, entry)
      if (!winner) return
      this.#journal.writeAddress(key, { ...entry, state: 'lost' })
      lost(formatAddress(addressOfKey(key)), describe(winner))
    })
  }

  /** @returns the record of whoever has it instead */
  async #reclaim(key: string, entry: AddressEntry): Promise<AddressRecord | undefined> {
    for (;;) {
      const read = await this.#store.get(key)
      const record = readAddress(read)
      const isFree = !record || record.state === 'idle' || isOurs(record, entry)
      if (!isFree && !(await this.#isOfEvicted(record))) return record
      // What the record knew of the endpoint stays; where it is gone, the journal knows no more.
      const known = record && isOurs(record, entry) ? record : { since: new Date().toISOString() }
      const { host, generation } = this.#registration
      const mine = usedRecord(entry, host, generation, known)
      const transaction = {
        require: [unchanged(key, read), ...this.#registration.place.conditions()],
        write: [{ put: key, value: write(mine) }],
      }
      const isMine = (current: ReadonlyMap<string, Entry>) => {
        const now = readAddress(current.get(key))
        return now?.state === 'used' && now.op === mine.op && now.generation === mine.generation
      }
      const deadline = performance.now() + DEADLINE_MS
      const result = await commitFirmly(this.#store, transaction, isMine, deadline)
      if (result.committed) return undefined
      await this.#registration.refresh()
    }
  }

  /** An eviction that is under way releases it in a moment. */
  async #isOfEvicted(record: AddressRecord): Promise<boolean> {
    if (record.state !== 'used') return false
    const host = readHost(await this.#store.get(hostKey(record.host)))
    return host?.evicted === true && record.generation < host.generation
  }
}

const isOurs = (record: AddressRecord, { op }: AddressEntry): record is UsedRecord =>
  record.state === 'used' && record.op === op

function describe(record: AddressRecord): string {
  return record.state === 'used'
    ? `used on host ${record.hostName} since ${record.since}`
    : 'a gateway or auxiliary address by now'
}
