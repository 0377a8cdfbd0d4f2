import { DropConnection } from '../../../../shared/plugin-server.ts'
import { isOutage } from '../../../../shared/store.ts'
import { Random } from '../../../history/random.ts'
import { MemoryStore } from '../../../simulation/memory-store.ts'
import type { Faults } from '../../../simulation/memory-store.ts'
import { VirtualTime } from '../../../simulation/virtual-time.ts'
import { Engine } from './engine.ts'
import { FolderTree } from './folder-tree.ts'
import { Machine } from './machine.ts'
import type { Outcome } from './machine.ts'
import { Promises } from './promises.ts'
import { Truth } from './truth.ts'

/** Hosts that share a store and a cluster file system, and their engines. What must never be is noted in `faults` when it happens. */
export class World {
  readonly random: Random
  readonly time: VirtualTime
  readonly store = new MemoryStore()
  readonly tree = new FolderTree()
  readonly truth: Truth
  readonly promises: Promises
  readonly engines: readonly Engine[]
  readonly faults: string[] = []
  readonly log: string[] = []

  constructor(seed: number, hosts: number, retainMs: number) {
    this.random = new Random(seed)
    this.time = new VirtualTime(this.random.fork(1))
    this.truth = new Truth(this.store, this.tree, what => this.fault(what))
    this.promises = new Promises(this.truth, (ms, job) => this.time.after(ms, job))
    this.store.watch = (key, before, after) => {
      this.note(`  ${key}: ${after?.value ?? 'nothing'}`)
      this.truth.onChange(key, before, after)
    }
    this.engines = Array.from({ length: hosts }, (_, i) => {
      const name = `host-${i}`
      const machine = new Machine({
        name,
        store: this.store,
        tree: this.tree,
        time: this.time,
        random: this.random.fork(10 + i),
        retainMs,
        onFault: error => this.#onError(`${name} threw`, error),
        onLost: (volume, why) => {
          this.note(`${name} has lost ${volume}: ${why}`)
          engine.toldLost.add(volume)
        },
      })
      const engine: Engine = new Engine(machine, this)
      return engine
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

  fault(what: string): void {
    this.note(`FAULT: ${what}`)
    this.faults.push(what)
  }

  /** Of a call that is over. What is neither an answer nor a refusal, nor an outage, is a fault. */
  judged(what: string, outcome: Outcome): Outcome {
    this.note(`${what}: ${told(outcome)}`)
    if (outcome.is === 'failed') this.#onError(what, outcome.error)
    return outcome
  }

  setFaults(faults: Faults): void {
    for (const { machine } of this.engines) machine.setFaults(faults)
  }

  async sleep(ms: number): Promise<void> {
    await this.time.sleep(ms)
  }

  /** Waits until it is so. @returns whether it came to be */
  async until(isSo: () => boolean, withinMs: number): Promise<boolean> {
    const end = this.time.now + withinMs
    while (!isSo() && this.time.now < end) await this.sleep(50)
    return isSo()
  }

  #onError(what: string, error: unknown): void {
    if (error instanceof DropConnection || isOutage(error)) return
    this.fault(`${what}: ${error instanceof Error ? error.stack : String(error)}`)
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
