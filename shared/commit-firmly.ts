import { setTimeout as sleep } from 'node:timers/promises'
import { OutcomeUnknown } from './store.ts'
import type { Condition, Entry, Store, Transaction } from './store.ts'

const AGAIN_AFTER_MS = 50

export type FirmResult =
  | { readonly committed: true }
  | {
      readonly committed: false
      readonly current: ReadonlyMap<string, Entry>
      readonly doubtful: boolean
    }

/**
 * Commits, and where the outcome is unknown commits the very same again until it is known: a loss to an entry that
 * `isMine` recognizes is the win of an earlier attempt. A loss is `doubtful` when an earlier attempt may still commit.
 *
 * @throws {StoreUnavailable} nothing was written
 * @param deadline after this time, as `performance.now()`, no further attempt is begun
 * @throws {OutcomeUnknown} still unknown at the deadline
 */
export async function commitFirmly(
  store: Store,
  transaction: Transaction,
  isMine: (current: ReadonlyMap<string, Entry>) => boolean,
  deadline: number,
): Promise<FirmResult> {
  let unknown: OutcomeUnknown | undefined
  for (;;) {
    try {
      const result = await store.commit(transaction)
      if (result.committed || isMine(result.current)) return { committed: true }
      return { ...result, doubtful: unknown !== undefined }
    } catch (error) {
      if (error instanceof OutcomeUnknown) unknown = error
      if (!unknown) throw error
      if (performance.now() + AGAIN_AFTER_MS > deadline) throw unknown
      await sleep(AGAIN_AFTER_MS)
    }
  }
}

/**
 * Puts one value firmly, if all of `require` holds, the key itself among them: whoever finds the very same value there
 * takes it for its own.
 *
 * @returns false where something did not hold
 * @throws {StoreUnavailable} nothing was written
 * @throws {OutcomeUnknown} still unknown at the deadline
 */
export async function putFirmly(
  store: Store,
  require: readonly Condition[],
  { key, value }: { readonly key: string; readonly value: string },
  deadline: number,
): Promise<boolean> {
  const transaction = { require, write: [{ put: key, value }] }
  const isMine = (current: ReadonlyMap<string, Entry>) => current.get(key)?.value === value
  return (await commitFirmly(store, transaction, isMine, deadline)).committed
}
