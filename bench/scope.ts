const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const

/** What a measurement has made on this machine, to be undone when it ends: the last first. */
export class Scope {
  readonly #ends: (() => Promise<void>)[] = []
  readonly #whole: Scope
  #ending: Promise<void> | undefined

  constructor(whole?: Scope) {
    this.#whole = whole ?? this
  }

  teardown(end: () => Promise<void>): void {
    this.#ends.push(end)
  }

  /** Whoever asks for it again waits for the same end. @throws {AggregateError} where something is left behind */
  end(): Promise<void> {
    this.#ending ??= this.#undo()
    return this.#ending
  }

  async #undo(): Promise<void> {
    const faults: unknown[] = []
    for (let end = this.#ends.pop(); end; end = this.#ends.pop()) {
      await end().catch((error: unknown) => faults.push(error))
    }
    if (faults.length > 0) throw new AggregateError(faults, 'Not everything could be undone')
  }

  /** What `use` makes is undone when it returns, or with the rest. */
  async part<T>(use: (part: Scope) => Promise<T>): Promise<T> {
    const part = new Scope(this.#whole)
    this.teardown(() => part.end())
    try {
      return await use(part)
    } finally {
      await part.end()
      // A signal ends the process in a moment: what failed because of that is nobody's business.
      if (this.#whole.#ending) await new Promise(() => {})
    }
  }

  /** Also what it is a part of is undone. Nobody else ends the process meanwhile. */
  endOnSignals(): void {
    for (const [signal, code] of Object.entries(SIGNALS)) {
      process.removeAllListeners(signal)
      process.once(signal, () => void this.#whole.end().finally(() => process.exit(code)))
    }
  }
}
