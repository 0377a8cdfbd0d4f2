import type { Connection } from './connection.ts'

/** How long each request took, in ms, and all of them together. */
export type Sample = { readonly latencies: readonly number[]; readonly ms: number }

/** Sends all requests, one at a time on each of the connections. `answered` is told each answer. */
export async function load(
  connections: readonly Connection[],
  requests: readonly Buffer[],
  answered: (body: string) => void = () => {},
): Promise<Sample> {
  const latencies: number[] = []
  const left = requests.values()
  const started = performance.now()
  await Promise.all(
    connections.map(async connection => {
      for (const bytes of left) {
        const sent = performance.now()
        const body = await connection.send(bytes)
        latencies.push(performance.now() - sent)
        answered(body)
      }
    }),
  )
  return { latencies, ms: performance.now() - started }
}

/** The value below which the part `q` of all values lies. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)
