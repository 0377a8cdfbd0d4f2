/**
 * What happened in a run, as its clients and the operator saw it; the checker knows nothing else. Times are
 * milliseconds of one monotonic clock. Hosts go by their names.
 */
export type History = {
  readonly pools: readonly PoolRules[]
  readonly calls: readonly Call[]
  readonly events: readonly Event[]
  readonly sights: readonly Sight[]
}

/** What all hosts say of a pool when they join it. */
export type PoolRules = {
  readonly id: string
  readonly subnet: string
  /** Where dynamic picks come from; empty: the whole subnet. */
  readonly range: string
  readonly exclude: readonly string[]
}

/** One request of an engine. One that could not be delivered at all is none. */
export type Call = {
  readonly host: string
  /** By its id. */
  readonly pool: string
  readonly sent: number
  readonly ended: number
  readonly asked: Asked
  readonly outcome: Outcome
}

/** `retry`: what an engine sends of a request whose connection broke: the same method, without its body. */
export type Asked =
  | { readonly do: 'join' | 'leave' }
  | { readonly do: 'gateway'; readonly address?: string }
  | { readonly do: 'aux'; readonly address: string }
  | { readonly do: 'request'; readonly mac: string; readonly address?: string }
  | { readonly do: 'release'; readonly address: string }
  | { readonly do: 'retry'; readonly method: string }

/** `unknown`: no answer came, whatever was done. */
export type Outcome =
  | { readonly is: 'ok'; readonly address?: string }
  | { readonly is: 'refused' | 'unknown'; readonly why: string }

/**
 * - `evicted`: the operator gave the word that the host's containers are dead; it was carried out from `at` to `until`.
 * - `rebooted`: all its containers are gone, and its engine asks nothing until later.
 * - `kept`, `lost`: what a host that was evicted, or whose store was set back, says of addresses after its return.
 * - `restored`: the store was set back to an older state at `at`, and every host had recovered at `until`.
 */
export type Event =
  | { readonly is: 'evicted'; readonly host: string; readonly at: number; readonly until: number }
  | { readonly is: 'rebooted'; readonly host: string; readonly at: number }
  | {
      readonly is: 'kept' | 'lost'
      readonly host: string
      readonly at: number
      readonly addresses: readonly string[]
    }
  | { readonly is: 'restored'; readonly at: number; readonly until: number }

/** All that the store held at one moment between `sent` and `ended`. */
export type Sight = {
  readonly sent: number
  readonly ended: number
  /** Every fault is over, every intent settled: now nothing may be left that nobody has. */
  readonly settled: boolean
  readonly used: readonly UsedSight[]
  /** By host: its generation. */
  readonly generations: Readonly<Record<string, number>>
  /** By host: the ids of the pools it uses. */
  readonly users: Readonly<Record<string, readonly string[]>>
}

export type UsedSight = {
  readonly address: string
  readonly host: string
  readonly generation: number
  readonly mac: string | undefined
}

type Lasting = Extract<Event, { readonly until: number }>
type Begun<T extends Lasting> = T extends Lasting ? Omit<T, 'at' | 'until'> : never

/** Writes a history while it happens; what is still under way is in it as that. */
export class Recorder {
  readonly #pools: readonly PoolRules[]
  readonly #calls: Call[] = []
  readonly #open = new Set<Call>()
  readonly #events: Event[] = []
  readonly #sights: Sight[] = []

  constructor(pools: readonly PoolRules[]) {
    this.#pools = pools
  }

  now(): number {
    return performance.now()
  }

  /** @returns what ends the call; undefined: it could not be delivered, and is none */
  call(asked: Omit<Call, 'sent' | 'ended' | 'outcome'>): (outcome: Outcome | undefined) => void {
    const outcome = { is: 'unknown', why: 'still under way' } as const
    const open: Call = { ...asked, sent: this.now(), ended: Infinity, outcome }
    this.#open.add(open)
    return outcome => {
      this.#open.delete(open)
      if (outcome) this.#calls.push({ ...open, ended: this.now(), outcome })
    }
  }

  event(event: Exclude<Event, Lasting>): void {
    this.#events.push(event)
  }

  /** @returns what ends it */
  lasting(event: Begun<Lasting>): () => void {
    const at = this.now()
    const i = this.#events.push({ ...event, at, until: Infinity }) - 1
    return () => (this.#events[i] = { ...event, at, until: this.now() })
  }

  sight(sight: Sight): void {
    this.#sights.push(sight)
  }

  get history(): History {
    return {
      pools: this.#pools,
      calls: [...this.#calls, ...this.#open],
      events: [...this.#events],
      sights: [...this.#sights],
    }
  }
}
