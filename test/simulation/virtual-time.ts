import { AsyncLocalStorage } from 'node:async_hooks'
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers/promises'
import type { Random } from '../history/random.ts'

/** A process that may be stopped or killed between any two things it waits for. */
export class Life {
  readonly ended: Promise<void>
  #end: () => void
  #isOver = false
  #isStopped = false
  #late: (() => void)[] = []

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.#end = resolve
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Runs `job` if the process still lives; while it is stopped, once it goes on. */
  run(job: () => void): void {
    if (this.#isOver) return
    if (this.#isStopped) this.#late.push(job)
    else job()
  }

  kill(): void {
    this.#isOver = true
    this.#end()
  }

  stop(): void {
    this.#isStopped = true
  }

  goOn(): void {
    this.#isStopped = false
    for (const job of this.#late.splice(0)) this.run(job)
  }
}

type Event = { readonly at: number; readonly order: number; readonly job: () => void }

const BEGIN = Date.UTC(2026, 0, 1)

/**
 * A clock that jumps from one event to the next: whatever waits, waits by it. With it, and with all else drawn from a
 * seed, a run is the same each time, and takes no time for its waiting.
 */
export class VirtualTime {
  readonly #random: Random
  readonly #lives = new AsyncLocalStorage<Life>()
  #now = 0
  #count = 0
  #events: Event[] = []

  constructor(random: Random) {
    this.#random = random
  }

  get now(): number {
    return this.#now
  }

  after(ms: number, job: () => void): void {
    const event = { at: this.#now + Math.max(0, ms), order: this.#count++, job }
    let i = this.#events.length
    while (i > 0 && isBefore(event, this.#events[i - 1])) i--
    this.#events.splice(i, 0, event)
  }

  async sleep<T = void>(ms: number, value?: T): Promise<T> {
    const life = this.#lives.getStore()
    return await new Promise<T>(resolve => {
      const wake = () => resolve(value as T)
      this.after(ms, () => (life ? life.run(wake) : wake()))
    })
  }

  /** Runs `job` as a part of a process: what it waits for ends with the process. */
  within<T>(life: Life, job: () => T): T {
    return this.#lives.run(life, job)
  }

  /** Runs `job` to its end, with all clocks of the program replaced. @throws {Error} where it waits for nothing that comes */
  async run<T>(job: () => Promise<T>): Promise<T> {
    const restore = this.#replaceClocks()
    try {
      const ending = { isOver: false }
      const running = job().finally(() => (ending.isOver = true))
      running.catch(() => {})
      for (;;) {
        await new Promise(resolve => setImmediate(resolve))
        if (ending.isOver) return await running
        const event = this.#events.pop()
        if (!event) throw new Error('Everything waits, and nothing will happen')
        this.#now = event.at
        event.job()
      }
    } finally {
      restore()
    }
  }

  #replaceClocks(): () => void {
    const { setTimeout, setImmediate } = timers
    const { randomUUID } = crypto
    const { now } = Date
    const timeout = Object.getOwnPropertyDescriptor(AbortSignal, 'timeout')
    Object.assign(timers, {
      setTimeout: (ms: number, value: unknown) => this.sleep(ms, value),
      setImmediate: (value: unknown) => this.sleep(0, value),
    })
    Object.assign(crypto, { randomUUID: () => this.#uuid() })
    Object.assign(Date, { now: () => BEGIN + Math.floor(this.#now) })
    Object.assign(AbortSignal, { timeout: (ms: number) => this.#signal(ms) })
    Object.defineProperty(performance, 'now', { value: () => this.#now, configurable: true })
    syncBuiltinESMExports()
    return () => {
      Object.assign(timers, { setTimeout, setImmediate })
      Object.assign(crypto, { randomUUID })
      Object.assign(Date, { now })
      Object.defineProperty(AbortSignal, 'timeout', timeout ?? {})
      Reflect.deleteProperty(performance, 'now')
      syncBuiltinESMExports()
    }
  }

  #signal(ms: number): AbortSignal {
    const controller = new AbortController()
    this.after(ms, () => controller.abort())
    return controller.signal
  }

  #uuid(): string {
    const part = () => this.#random.between(0, 0xffffffff).toString(16).padStart(8, '0')
    return `${part()}-${this.#count}-${part()}`
  }
}

/** The next event is at the end. */
const isBefore = (a: Event, b: Event | undefined): boolean =>
  b !== undefined && (a.at > b.at || (a.at === b.at && a.order > b.order))
