import { median, quantile } from './load.ts'
import type { Sample } from './load.ts'

/** How a subject stands against the floor, in the middle of all rounds. */
export type Ratios = {
  readonly floorMs: number
  readonly floorP99Ms: number
  readonly p50: number
  readonly p99: number
  readonly throughput: number
  /** The subject's own. */
  readonly perSecond: number
}

/** What takes part: sends one round's requests, and tidies up after the clock has stopped. */
export type Side = () => Promise<Sample>

/**
 * ABAB: each round of the subject is compared with the round of the floor just before it. A busy machine gets fewer
 * rounds, not more time.
 */
export async function compare(
  subject: Side,
  floor: Side,
  atMost: { readonly rounds: number; readonly ms: number },
): Promise<Ratios> {
  const rounds: { floor: Sample; subject: Sample }[] = []
  const enough = performance.now() + atMost.ms
  while (rounds.length < atMost.rounds && performance.now() < enough) {
    rounds.push({ floor: await floor(), subject: await subject() })
  }
  const ratio = (of: (sample: Sample) => number) =>
    median(rounds.map(({ floor: below, subject: above }) => of(above) / of(below)))
  return {
    floorMs: median(rounds.map(({ floor: { latencies } }) => median(latencies))),
    floorP99Ms: median(rounds.map(({ floor: { latencies } }) => quantile(latencies, 0.99))),
    p50: ratio(({ latencies }) => median(latencies)),
    p99: ratio(({ latencies }) => quantile(latencies, 0.99)),
    throughput: ratio(perSecond),
    perSecond: median(rounds.map(({ subject: above }) => perSecond(above))),
  }
}

const perSecond = ({ latencies, ms }: Sample): number => (latencies.length / ms) * 1000
