import { StoreUnavailable } from '../../shared/store.ts'

/** Whether what is read of the store may be believed: while nobody judged whose it is, it is as good as away. */
export class Trust {
  readonly #host: string
  #isGiven = false
  #epoch = 0
  #barred: string | undefined
  #absence: string

  /** @param host its name, for people */
  constructor(host: string) {
    this.#host = host
    this.#absence = this.#notYet('; try again')
  }

  /** Changes whenever what was read before may be of another store than what is read now. */
  get epoch(): number {
    return this.#epoch
  }

  /** What somebody has to do before this host may go on, if so. */
  get barred(): string | undefined {
    return this.#barred
  }

  /** Why this host is not registered. */
  get why(): string {
    return this.#barred ?? this.#absence
  }

  give(): void {
    this.#isGiven = true
    this.#barred = undefined
  }

  withdraw(): void {
    this.#isGiven = false
    this.#epoch += 1
  }

  bar(reason: string): void {
    this.#barred = reason
    this.withdraw()
  }

  /** The last attempt to register failed. What was believed before is believed still. */
  failed(error: unknown): never {
    this.#absence = this.#notYet(`: ${error instanceof Error ? error.message : String(error)}`)
    throw error
  }

  /** An operator took a volume from this host: the store is as good as before. */
  raised(): void {
    this.#absence = `A volume was taken from host ${this.#host} by berth volume break-lock; the host is registering anew: try again`
  }

  /** @throws {StoreUnavailable} */
  require(): void {
    if (!this.#isGiven) throw new StoreUnavailable(this.why)
  }

  #notYet(rest: string): string {
    return `Host ${this.#host} is not registered in the store yet${rest}`
  }
}
