import type { Truth } from './truth.ts'

/** Whatever somebody began is over, or will never happen, after this time. */
export const LATEST_MS = 35_000

/**
 * Which names stand for a volume beyond doubt: it was created or brought back, and nobody has asked to remove it since.
 */
export class Promises {
  readonly #truth: Truth
  readonly #after: (ms: number, job: () => void) => void
  /** Of removals that may still happen. */
  readonly #doubts = new Map<string, number>()
  /** Counts what was asked of a name, so that an answer is only believed if nothing was asked meanwhile. */
  readonly #asked = new Map<string, number>()
  readonly #promised = new Map<string, string>()

  constructor(truth: Truth, after: (ms: number, job: () => void) => void) {
    this.#truth = truth
    this.#after = after
  }

  /** The volume's id. */
  of(name: string): string | undefined {
    return this.#promised.get(name)
  }

  /** Before a name is asked for. */
  mark(name: string): number {
    return this.#asked.get(name) ?? 0
  }

  /** Somebody was told that the volume is there; since `mark` nobody may have asked to remove it. */
  told(name: string, mark: number): void {
    if (this.mark(name) !== mark || (this.#doubts.get(name) ?? 0) > 0) return
    const record = this.#truth.record(name)
    if (record) this.#promised.set(name, record.id)
  }

  /** From here on the volume may go. @returns to be called with whether it is certain by now what became of it */
  removing(name: string): (isOver: boolean) => void {
    this.#asked.set(name, this.mark(name) + 1)
    this.#promised.delete(name)
    this.#doubt(name, 1)
    return isOver => {
      if (isOver) this.#doubt(name, -1)
      else this.#after(LATEST_MS, () => this.#doubt(name, -1))
    }
  }

  #doubt(name: string, by: number): void {
    this.#doubts.set(name, (this.#doubts.get(name) ?? 0) + by)
  }
}
