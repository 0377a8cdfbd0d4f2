import { setTimeout as sleep } from 'node:timers/promises'

/** Many may pass at once, or one alone. */
export class Gate {
  #inside = 0
  #alone: Promise<unknown> | undefined

  async pass<T>(job: () => Promise<T>): Promise<T> {
    while (this.#alone) await this.#alone.catch(() => undefined)
    this.#inside += 1
    try {
      return await job()
    } finally {
      this.#inside -= 1
    }
  }

  /** Waits until all are gone who are inside, while nobody else comes in. */
  async alone<T>(job: () => Promise<T>): Promise<T> {
    while (this.#alone) await this.#alone.catch(() => undefined)
    const running = this.#empty().then(job)
    this.#alone = running
    try {
      return await running
    } finally {
      this.#alone = undefined
    }
  }

  async #empty(): Promise<void> {
    while (this.#inside > 0) await sleep(2)
  }
}
