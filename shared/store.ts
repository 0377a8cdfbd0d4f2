/**
 * The store port: all state that hosts share goes through these methods, whatever stands behind them. Each answers or
 * throws in bounded time, whatever hangs behind it; a commit that was cut off so is of unknown outcome.
 */
export interface Store {
  /** The entry of `key`, or undefined where there is none. */
  get(key: string): Promise<Entry | undefined>

  /** Entries with `from <= key < to` in key order, `limit` at most. Each is current when read; many may not be of one moment. */
  list(from: string, to: string, limit: number): Promise<readonly Entry[]>

  /**
   * Writes all of `write` if every condition of `require` holds, else nothing. A condition that fails is a value, and
   * tells who won: it carries the current entries of the required keys.
   *
   * @throws {StoreUnavailable} nothing was written
   * @throws {OutcomeUnknown} it may have been written, or may still be
   */
  commit(transaction: Transaction): Promise<CommitResult>

  /**
   * Names the history that all revisions belong to. It is another one where the store was replaced, and may be the same
   * one where it was set back to an older state.
   */
  history(): Promise<string>

  /**
   * From now on only answers of this history are believed; before, those of the one that answered first. What comes from
   * another is an outage, and of a commit the outcome is unknown.
   */
  follow(history: string): void

  close(): Promise<void>
}

/** Keys are printable ASCII, so that every implementation orders them alike. */
export type Entry = {
  readonly key: string
  readonly value: string
  readonly revision: Revision
}

/** Where a key stands in the store's history. Never repeats for a key, not even after it was deleted and made again. */
export type Revision = string & { readonly brand: unique symbol }

export type Transaction = {
  readonly require: readonly Condition[]
  readonly write: readonly Write[]
}

export type Condition =
  | { readonly key: string; readonly is: 'absent' }
  | { readonly key: string; readonly is: 'at'; readonly revision: Revision }

export type Write = { readonly put: string; readonly value: string } | { readonly delete: string }

export type CommitResult =
  | { readonly committed: true; readonly revision: Revision }
  | { readonly committed: false; readonly current: ReadonlyMap<string, Entry> }

/** The history of a store that belongs to one host alone. */
export const LOCAL_HISTORY = 'local'

/** The first key behind all that begin with `prefix`. */
export function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}

/** The condition "still what I read": absent where nothing was read. */
export function unchanged(key: string, read: Entry | undefined): Condition {
  return read ? { key, is: 'at', revision: read.revision } : { key, is: 'absent' }
}

/** Nothing was written; asking again later may succeed. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** Something may have been written, or may still be. The truth is found by a later conditional commit, not by a read. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown'
}

/** Whether the store did not do what it was asked for reasons of its own. */
export function isOutage(error: unknown): error is StoreUnavailable | OutcomeUnknown {
  return error instanceof StoreUnavailable || error instanceof OutcomeUnknown
}
