import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { EtcdOptions } from '../../shared/etcd-options.ts'
import { EtcdStore } from '../../shared/etcd-store.ts'
import type { CommitResult, Store } from '../../shared/store.ts'

/** Design: what cannot work says why within 2 s. A call of the store has half of it, and the machine may be slow. */
export const REFUSED_WITHIN_MS = 1500

/** On a prefix of its own, unless `options` names one. */
export function open(
  t: Test,
  endpoints: readonly string[],
  options: Partial<EtcdOptions> = {},
): EtcdStore {
  const store = new EtcdStore({ endpoints, prefix: `/${crypto.randomUUID()}`, ...options })
  t.teardown(async () => await store.close())
  return store
}

export async function claim(store: Store, key: string, value = 'mine'): Promise<CommitResult> {
  return await store.commit({ require: [{ key, is: 'absent' }], write: [{ put: key, value }] })
}

/** What it rejected with, and after how long. */
export async function failure(call: Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const begin = performance.now()
  try {
    await call
  } catch (error) {
    return { error, ms: performance.now() - begin }
  }
  throw new Error('It was expected to fail')
}

export async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 20_000; !(await holds());) {
    if (performance.now() > deadline) throw new Error('It did not come about within 20 s')
    await sleep(20)
  }
}

export async function works(store: Store): Promise<boolean> {
  return await store.get('any').then(
    () => true,
    () => false,
  )
}
