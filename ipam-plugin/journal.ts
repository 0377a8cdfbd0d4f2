import type { PoolId } from './pool-id.ts'

/**
 * What this host alone knows: which addresses and pools it took for its engine, and how far each step got. It answers
 * at once and from memory or disk of this host, never from the store.
 */
export interface Journal {
  /** The entry for an address, by its key in the store. */
  address(key: string): AddressEntry | undefined

  /**
   * The address entries whose keys begin with `prefix`, in no order, each once at least. Each is current when
   * it is yielded, and may change from then on.
   */
  addresses(prefix?: string): AsyncIterable<readonly [string, AddressEntry]>

  /**
   * Writes an entry; undefined removes it. When it returns, the entry survives kill -9; a power cut it survives only
   * after `sync`.
   *
   * @throws {Error} where it cannot be written: then nothing may be built on it
   */
  writeAddress(key: string, entry: AddressEntry | undefined): void

  /** Everything written so far survives a power cut. @throws {StoreUnavailable | OutcomeUnknown} */
  sync(): Promise<void>

  pools(): Promise<readonly (readonly [PoolId, PoolEntry])[]>

  /** Writes an entry, synced; undefined removes it. @throws {StoreUnavailable | OutcomeUnknown} */
  writePool(id: PoolId, entry: PoolEntry | undefined): Promise<void>
}

/**
 * - `intent`: a claim was or will be sent; its outcome is not known here.
 * - `held`: claimed, and told or about to be told to the engine.
 * - `releasing`: to be released; never given back to `held`.
 * - `lost`: a container of this host has it, but it is somebody else's by now; nothing is to be released.
 */
export type AddressEntry = {
  readonly state: 'intent' | 'held' | 'releasing' | 'lost'
  readonly pool: PoolId
  /** The operation that claimed it; in the store's record too. Random, never used twice. */
  readonly op: string
  /** The boot of this host in which it was claimed: containers do not outlive it. */
  readonly boot: string
}

/**
 * - `joining`: asked for, never answered; after a crash it is undone.
 * - `joined`: `count` networks of the engine stand on it.
 * - `leaving`: no network stands on it; it goes once none of its addresses is in use here.
 * - `lost`: `count` networks stand on it, but this host was evicted and could not join it again.
 */
export type PoolEntry = {
  readonly state: 'joining' | 'joined' | 'leaving' | 'lost'
  readonly count: number
  /** How long its released addresses rest, as the pool's record says. */
  readonly cooldownMs: number
  /** What this host asked for and was told of the pool, so that it can be told again without the store. */
  readonly exclude: readonly string[]
  readonly automatic: boolean
  readonly gateway?: { readonly address: string; readonly by: string } | undefined
  readonly aux: readonly string[]
}
