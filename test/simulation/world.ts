import { RECOVERY } from '../../ipam-plugin/keys.ts'
import type { PoolId } from '../../ipam-plugin/pool-id.ts'
import { readAddress, readRecovery } from '../../ipam-plugin/records.ts'
import type { Entry } from '../../shared/store.ts'
import { Random } from '../history/random.ts'
import { Engine } from './engine.ts'
import type { Held } from './engine.ts'
import { Host } from './host.ts'
import type { Outcome } from './host.ts'
import { MemoryStore, NO_FAULTS } from './memory-store.ts'
import type { Faults, Snapshot } from './memory-store.ts'
import { VirtualTime } from './virtual-time.ts'

const RETURN_WITHIN_MS = 60_000

/** Hosts that share a store, their engines, and an operator. What must never be is noted in `faults` when it happens. */
export class World {
  readonly random: Random
  readonly time: VirtualTime
  readonly store = new MemoryStore()
  readonly engines: Engine[]
  readonly faults: string[] = []
  readonly log: string[] = []
  /** The store was set back, and not all hosts have told yet what they hold. */
  isSetBack = false
  #setBackAt = 0
  /** When each operation was committed. */
  readonly #committed = new Map<string, number>()

  constructor(seed: number, hosts: number, beatEveryMs: number) {
    this.random = new Random(seed)
    this.time = new VirtualTime(this.random.fork(1))
    this.store.watch = (key, before, after) => this.#watch(key, before, after)
    const names = Array.from({ length: hosts }, (_, i) => `host-${i}`)
    this.engines = names.map((name, i) => {
      const host = new Host(
        {
          name,
          store: this.store,
          time: this.time,
          random: this.random.fork(10 + i),
          beatEveryMs,
          onFault: error => this.#fault(`${name} threw ${String(error)}`),
          onReport: line => this.note(line),
        },
        NO_FAULTS,
      )
      return new Engine(host, held => this.#onHeld(name, held))
    })
  }

  engine(i: number): Engine {
    const engine = this.engines[i]
    if (!engine) throw new Error(`There is no engine ${i}`)
    return engine
  }

  note(line: string): void {
    this.log.push(`${this.time.now.toFixed(1)} ${line}`)
  }

  setFaults(faults: Faults): void {
    for (const { host } of this.engines) host.setFaults(faults)
  }

  async sleep(ms: number): Promise<void> {
    await this.time.sleep(ms)
  }

  /** Waits until it is so. @returns whether it came to be */
  async until(isSo: () => boolean, withinMs = RETURN_WITHIN_MS): Promise<boolean> {
    const end = this.time.now + withinMs
    while (!isSo() && this.time.now < end) await this.sleep(50)
    return isSo()
  }

  async allServe(): Promise<boolean> {
    return await this.until(() =>
      this.engines.every(({ host }) => !host.isRunning || host.isServing),
    )
  }

  /** An operator's word at host `by` that `dead` is dead; where it is not, its containers' addresses are forfeited. */
  async evict(by: Engine, dead: Engine): Promise<Outcome> {
    dead.isForfeiting = true
    dead.evictions += 1
    const { evictions } = dead
    for (const held of dead.held.values()) held.isForfeited = true
    const outcome = await by.host.within(ipam => ipam.eviction.evict(dead.host.name, true))
    this.note(`${by.host.name} evicts ${dead.host.name}: ${told(outcome)}`)
    if (outcome.is === 'answered') {
      void this.#forgiveLater(dead, Number(outcome.body['generation']), evictions)
    }
    return outcome
  }

  async #forgiveLater(engine: Engine, generation: number, eviction: number): Promise<void> {
    const isBack = () => {
      const { registration } = engine.host.ipam ?? {}
      if (!engine.host.isServing || !registration) return false
      return registration.isReturned && registration.generation >= generation
    }
    if ((await this.until(isBack)) && engine.evictions === eviction) this.#forgive(engine)
  }

  #forgive(engine: Engine): void {
    engine.isForfeiting = false
    for (const held of engine.held.values()) {
      if (engine.host.disk.address(held.key)?.state === 'held') held.isForfeited = false
    }
  }

  /** The operator's word that the store is as it shall be. */
  async recover(by: Engine): Promise<Outcome> {
    const outcome = await by.host.within(async ({ registration, recovery, membership }) => {
      const gate = await recovery.begin(by.host.name, registration.lastRecovery)
      void membership.tend().catch(() => {})
      return gate
    })
    this.note(`${by.host.name} recovers: ${told(outcome)}`)
    return outcome
  }

  setBack(snapshot: Snapshot, history: string): void {
    this.#setBackAt = this.time.now
    this.note(`the store is set back to ${snapshot.at.toFixed(1)}, ${history}`)
    this.isSetBack = true
    this.store.setBack(snapshot, history)
  }

  /** Whoever came back holds what its journal says it holds; the rest stays forfeited. */
  forgiveReturned(): void {
    for (const engine of this.engines) {
      if (!engine.host.isServing || !engine.host.ipam?.registration.isReturned) continue
      this.#forgive(engine)
    }
  }

  #onHeld(host: string, { key, address, op }: Held): void {
    this.note(`${host} has ${address}`)
    if (this.isSetBack && (this.#committed.get(op ?? '') ?? 0) > this.#setBackAt)
      this.#fault(`${address} was given to ${host} before the recovery was over`)
    for (const other of this.engines) {
      const found = other.held.get(key)
      if (found && !found.isForfeited)
        this.#fault(`${address} was given to ${host} while ${other.host.name} has it`)
      for (const { pool, gateway, aux } of other.networks) {
        if (other.isForfeiting || other.host.disk.poolEntries.get(pool as PoolId)?.state === 'lost')
          continue
        if (gateway === address || aux.includes(address))
          this.#fault(`${address} was given to ${host} while it is shared on ${other.host.name}`)
      }
    }
  }

  /** Promise 2, at each change of the store: what a container has stays used. */
  #watch(key: string, before: Entry | undefined, after: Entry | undefined): void {
    if (key === RECOVERY && readRecovery(after)?.state === 'closed') this.isSetBack = false
    if (key.startsWith('v1/hosts/') || key.startsWith('v1/seen/'))
      this.note(`  ${key}: ${after?.value ?? 'nothing'} ${before?.revision}>${after?.revision}`)
    if (!key.startsWith('v1/addresses/')) return
    this.note(`  ${key}: ${before?.value ?? 'nothing'} -> ${after?.value ?? 'nothing'}`)
    const now = readAddress(after)
    if (now?.state === 'used' && !this.#committed.has(now.op))
      this.#committed.set(now.op, this.time.now)
    for (const { host, held } of this.engines) {
      const one = held.get(key)
      const isTaken = now?.state === 'shared' || (now?.state === 'used' && now.host !== host.name)
      if (one && isTaken) one.wasTaken = true
    }
    if (this.isSetBack) return
    const was = readAddress(before)
    const is = readAddress(after)
    if (was?.state !== 'used') return
    if (is?.state === 'used' && is.op === was.op) return
    for (const engine of this.engines) {
      const held = engine.held.get(key)
      if (held && !held.isForfeited && held.op === was.op)
        this.#fault(`${held.address} was taken from ${engine.host.name}, whose container has it`)
    }
  }

  #fault(what: string): void {
    this.note(`FAULT: ${what}`)
    this.faults.push(what)
  }
}

export function told(outcome: Outcome): string {
  switch (outcome.is) {
    case 'answered':
      return JSON.stringify(outcome.body)
    case 'refused':
      return `${outcome.code}: ${outcome.why}`
    case 'failed':
      return String(outcome.error)
    case 'lost':
      return 'lost'
  }
}
