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

  /** Does the job while nobody else is inside, if nobody is just now. */
  async aloneOrNot(job: () => Promise<unknown>): Promise<void> {
    if (this.#inside > 0 || this.#alone) return
    this.#alone = job()
    try {
      await this.#alone
    } finally {
      this.#alone = undefined
    }
  }
}
