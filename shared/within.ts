import { setTimeout as sleep } from 'node:timers/promises'

/**
 * What `job` comes to within `ms`; undefined where it goes on by then. An error is thrown while it is waited for; what
 * becomes of it later is nobody's any more.
 */
export async function within<T>(job: Promise<T>, ms: number): Promise<T | undefined> {
  const over = new AbortController()
  const late = sleep(ms, undefined, { signal: over.signal, ref: false })
  try {
    return await Promise.race([job, late])
  } finally {
    over.abort()
  }
}
