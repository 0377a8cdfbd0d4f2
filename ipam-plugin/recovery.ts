import { randomUUID } from 'node:crypto'
import { putFirmly } from '../shared/commit-firmly.ts'
import { entriesBelow } from '../shared/pages.ts'
import { Refusal } from '../shared/refusal.ts'
import { unchanged } from '../shared/store.ts'
import type { Condition, Entry, Store } from '../shared/store.ts'
import { HOSTS, RECOVERY } from './keys.ts'
import { readHost, readRecovery, write } from './records.ts'
import type { HostRecord, RecoveryPhase, RecoveryRecord } from './records.ts'

const DEADLINE_MS = 1500
const PHASES: readonly RecoveryPhase[] = ['fenced', 'cleaned', 'reclaimed']

/** A host that has not come as far as the others wait for; without a phase it was not reached yet. */
export type Awaited = {
  readonly id: string
  readonly name: string
  readonly phase: RecoveryPhase | undefined
}

/**
 * Brings all hosts and a store that was set back to one view again. The gate is open as long as it takes: every host
 * first releases what the store wrongly has as its own (`cleaned`), and, when all have, claims again what it holds
 * (`reclaimed`); nobody allocates before all are done or evicted.
 */
export class Recovery {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /**
   * The operator's word. While a recovery is open, it goes on with that one: to be called again where it failed.
   *
   * @param lastNumber of the last recovery that the caller knows, whatever the store does
   */
  async begin(by: string, lastNumber: number): Promise<RecoveryRecord> {
    const opened = await this.#open(by, lastNumber)
    const gate = readRecovery(opened)
    for await (const entry of entriesBelow(this.#store, HOSTS)) {
      await this.#fence(entry, opened, gate)
    }
    return gate
  }

  async gate(): Promise<RecoveryRecord | undefined> {
    return readRecovery(await this.#store.get(RECOVERY))
  }

  /** The hosts that have not come as far as `phase`. Evicted ones are not waited for. */
  async awaited(id: string, phase: RecoveryPhase): Promise<Awaited[]> {
    const awaited: Awaited[] = []
    for await (const entry of entriesBelow(this.#store, HOSTS)) {
      const record = readHost(entry)
      const reached = record.recovery?.id === id ? record.recovery.phase : undefined
      if (record.evicted || (reached && PHASES.indexOf(reached) >= PHASES.indexOf(phase))) continue
      awaited.push({ id: entry.key.slice(HOSTS.length), name: record.name, phase: reached })
    }
    return awaited
  }

  /** Hosts may allocate again. Nothing to do where the recovery is over already. */
  async close(id: string): Promise<void> {
    const entry = await this.#store.get(RECOVERY)
    const gate = readRecovery(entry)
    if (gate?.state !== 'open' || gate.id !== id) return
    await this.#store.commit({
      require: [unchanged(RECOVERY, entry)],
      write: [{ put: RECOVERY, value: write({ ...gate, state: 'closed' }) }],
    })
  }

  async #open(by: string, lastNumber: number): Promise<Entry> {
    const id = randomUUID()
    const since = new Date().toISOString()
    for (;;) {
      const entry = await this.#store.get(RECOVERY)
      const found = readRecovery(entry)
      if (entry && found?.state === 'open') return entry
      const number = numberAfter(found, lastNumber)
      const begun = found?.state === 'needed' ? found : { id, number }
      const gate: RecoveryRecord = { id: begun.id, number: begun.number, state: 'open', by, since }
      await this.#commit([unchanged(RECOVERY, entry)], RECOVERY, write(gate))
    }
  }

  /**
   * Also one that is evicted: in the state that was set back to, it may have returned since. Not in a store without this
   * recovery: there, it would hide from the host that the store was set back.
   */
  async #fence(listed: Entry, opened: Entry, { id }: RecoveryRecord): Promise<void> {
    for (let entry: Entry | undefined = listed; entry; entry = await this.#store.get(listed.key)) {
      const { evicted: _back, ...record } = readHost(entry)
      if (record.recovery?.id === id) return
      const fenced: HostRecord = {
        ...record,
        generation: record.generation + 1,
        nonce: randomUUID(),
        recovery: { id, phase: 'fenced' },
      }
      const require = [unchanged(listed.key, entry), unchanged(RECOVERY, opened)]
      if (await this.#commit(require, listed.key, write(fenced))) return
      if ((await this.gate())?.id !== id) throw new Refusal('not-ready', OVERTAKEN)
    }
  }

  async #commit(require: Condition[], key: string, value: string): Promise<boolean> {
    return await putFirmly(this.#store, require, { key, value }, performance.now() + DEADLINE_MS)
  }
}

/**
 * Tells all hosts that the store was set back, so that none allocates before an operator began a recovery. Nothing to do
 * where somebody has told already.
 *
 * @param gate as it was read
 * @param lastNumber of the last recovery that the caller knows, whatever the store does
 */
export async function callForRecovery(
  store: Store,
  gate: Entry | undefined,
  by: string,
  lastNumber: number,
): Promise<void> {
  const number = numberAfter(readRecovery(gate), lastNumber)
  const since = new Date().toISOString()
  const value = write({ id: randomUUID(), number, state: 'needed', by, since })
  await store.commit({
    require: [unchanged(RECOVERY, gate)],
    write: [{ put: RECOVERY, value }],
  })
}

const numberAfter = (gate: RecoveryRecord | undefined, lastNumber: number): number =>
  Math.max(gate?.number ?? 0, lastNumber) + 1

const OVERTAKEN = 'etcd was set back again while the recovery began; run: berth recover'
