import { setTimeout as sleep } from 'node:timers/promises'
import { Refusal } from '../../shared/refusal.ts'

export type BreakerOptions = {
  /** Asks once; resolves when nothing of that is left, true where there was an answer, whichever. */
  readonly probe: () => Promise<boolean>
  readonly pauseMs: number
  readonly stop: AbortSignal
}

/** Once a mount hangs, nobody asks it but one probe at a time, until it answers. */
export class Breaker {
  readonly #options: BreakerOptions
  #hung: { readonly mount: string; readonly why: string } | undefined

  constructor(options: BreakerOptions) {
    this.#options = options
  }

  /**
   * @param mount which one is asked: what hung before it is nobody's any more
   * @throws {Refusal} `cluster-away`, while it hangs
   */
  requireWhole(mount: string): void {
    if (this.#hung && this.#hung.mount !== mount) this.#hung = undefined
    if (this.#hung) throw new Refusal('cluster-away', this.#hung.why)
  }

  /** @param why what callers are told from now on */
  trip(mount: string, why: string): void {
    if (this.#hung?.mount === mount) return
    this.#hung = { mount, why }
    void this.#probe(this.#hung)
  }

  async #probe(hung: object): Promise<void> {
    const { probe, pauseMs, stop } = this.#options
    while (this.#hung === hung && !stop.aborted) {
      const hasAnswered = await probe().catch(() => false)
      if (hasAnswered && this.#hung === hung) this.#hung = undefined
      await sleep(pauseMs, undefined, { ref: false, signal: stop }).catch(() => undefined)
    }
  }
}
