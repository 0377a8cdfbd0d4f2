import type { Connection } from './connection.ts'

/** How long each answered request took, in ms, and all of them together. */
export type Sample = { readonly latencies: readonly number[]; readonly ms: number }

/**
 * Sends all requests, one at a time on each of the connections. `answered` is told each answer.
 *
 * @param failed is told each error; by default it ends the load
 */
export async function load(
  connections: readonly Connection[],
  requests: Iterable<Buffer>,
  answered: (body: string, from: Connection) => void = () => {},
  failed: (error: unknown) => void = raise,
): Promise<Sample> {
  const latencies: number[] = []
  const left = requests[Symbol.iterator]()
  const started = performance.now()
  await Promise.all(
    connections.map(async connection => {
      for (let next = left.next(); !next.done; next = left.next()) {
        const sent = performance.now()
        try {
          const body = await connection.send(next.value)
          latencies.push(performance.now() - sent)
          answered(body, connection)
        } catch (error) {
          failed(error)
        }
      }
    }),
  )
  return { latencies, ms: performance.now() - started }
}

function raise(error: unknown): never {
  throw error
}

/** The value below which the part `q` of all values lies. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)
