import { Random } from './random.ts'

/**
 * What the containers of a host do next. `start` and `stop` one; `network`: one more on a pool, or one less;
 * `rebuild`: the last network of a pool goes, and comes again; `stale`: a release of what was released before, as an
 * engine sends it when it cleans up after its own crash.
 */
export type Step = {
  readonly do: 'start' | 'stop' | 'network' | 'rebuild' | 'stale'
  readonly afterMs: number
  /** From 0 to below 1: which pool, and which of those that run. */
  readonly pool: number
  readonly pick: number
  /** A static address, by its number in the subnet. */
  readonly ip: number | undefined
  /** The engine gives up that long after it asked. */
  readonly hangUpMs: number | undefined
}

/** Without end, and the same for the same seed, host and lane. */
export function* stepsOf(seed: number, host: number, lane: number): Generator<Step, never> {
  const random = new Random(seed).fork(1 + host * 100 + lane)
  for (;;) {
    const what = random.next()
    const networks = lane === 0 && what < 0.06
    yield {
      do: networks
        ? random.pick(['network', 'rebuild'])
        : what < 0.12
          ? 'stale'
          : random.pick(['start', 'start', 'stop']),
      afterMs: random.between(0, 60),
      pool: random.next(),
      pick: random.next(),
      ip: random.chance(0.15) ? random.between(10, 14) : undefined,
      hangUpMs: random.chance(0.04) ? random.between(0, 25) : undefined,
    }
  }
}
