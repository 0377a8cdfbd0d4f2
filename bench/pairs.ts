import { median, quantile } from './load.ts'

/** The middle of all rounds, and between what the middle half of them lies. */
export type Spread = { readonly middle: number; readonly low: number; readonly high: number }

export function spreadOf(values: readonly number[]): Spread {
  return { middle: median(values), low: quantile(values, 0.25), high: quantile(values, 0.75) }
}

/** Round by round, as both were measured in the same moments. */
export function ratioOf(subject: readonly number[], floor: readonly number[]): Spread {
  return spreadOf(subject.map((value, round) => value / (floor[round] ?? Number.NaN)))
}

/** What each side measured, round by round. In each round another one is first, so that no one always follows the same. */
export async function inTurn<Name extends string, T>(
  sides: Readonly<Record<Name, () => Promise<T>>>,
  rounds: number,
): Promise<Record<Name, T[]>> {
  const names = Object.keys(sides) as Name[]
  const measured = Object.fromEntries(names.map(name => [name, []])) as unknown as Record<Name, T[]>
  for (let round = 0; round < rounds; round++) {
    const first = round % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      measured[name].push(await sides[name]())
    }
  }
  return measured
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}
