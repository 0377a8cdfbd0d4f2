import { setTimeout as sleep } from 'node:timers/promises'
import { Refusal } from './refusal.ts'

const AGAIN_AFTER_MS = 1000
const HOLD_MS = 1500
const HOLD_WHILE_WORKING_MS = 20_000

/**
 * Something that the plugin needs before it can answer, opened while the socket already listens: a plugin that listens
 * late, or exits at its start, is disabled by the engine for good. Requests are held until it is there; while opening
 * fails it is tried again, and requests are refused with the reason.
 */
export class Startup<T> {
  readonly #stop = new AbortController()
  readonly #running: Promise<void>
  #value: { readonly opened: T } | undefined
  #fault: Error | undefined

  /** @param failed is told each reason once */
  constructor(open: () => Promise<T>, failed: (fault: Error) => void) {
    this.#running = this.#run(open, failed)
  }

  /** @throws {Refusal} `not-ready`, within two seconds where opening fails */
  async value(): Promise<T> {
    const started = performance.now()
    while (!this.#value) {
      const ms = performance.now() - started
      if (ms > (this.#fault ? HOLD_MS : HOLD_WHILE_WORKING_MS)) throw this.#refusal()
      await sleep(20)
    }
    return this.#value.opened
  }

  /** Stops trying; returns what was opened, if anything was. */
  async stop(): Promise<T | undefined> {
    this.#stop.abort()
    await this.#running
    return this.#value?.opened
  }

  async #run(open: () => Promise<T>, failed: (fault: Error) => void): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        this.#value = { opened: await open() }
        return
      } catch (error) {
        const fault = error instanceof Error ? error : new Error(String(error))
        if (fault.message !== this.#fault?.message) failed(fault)
        this.#fault = fault
        await sleep(AGAIN_AFTER_MS, undefined, { signal: this.#stop.signal }).catch(() => {})
      }
    }
  }

  #refusal(): Refusal {
    const why = this.#fault?.message ?? 'it is still reading its state'
    return new Refusal('not-ready', `The plugin cannot answer yet: ${why}`, { cause: this.#fault })
  }
}
