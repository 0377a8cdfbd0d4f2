import { randomUUID } from 'node:crypto'
import type { Condition, Entry, Store } from '../shared/store.ts'
import { unchanged } from '../shared/store.ts'
import type { Host } from './host.ts'
import { hostKey } from './keys.ts'
import { readHost, write } from './records.ts'

/**
 * This host's record in the store. Every claim requires it to be as this instance last wrote it: that condition is the
 * fence. Rewriting the record makes all claims fail that were sent before and have not committed yet.
 */
export class Registration {
  readonly host: Host
  readonly #store: Store
  readonly #nonces: Set<string>
  #entry: Entry

  private constructor(store: Store, host: Host, entry: Entry, nonces: Set<string>) {
    this.#store = store
    this.host = host
    this.#entry = entry
    this.#nonces = nonces
  }

  static async register(store: Store, host: Host): Promise<Registration> {
    const nonces = new Set<string>()
    for (;;) {
      const found = await store.get(hostKey(host.id))
      const entry = await rewrite(store, host, found, nonces)
      if (entry) return new Registration(store, host, entry, nonces)
    }
  }

  get generation(): number {
    return readHost(this.#entry).generation
  }

  /** "My host record is as I wrote it last." */
  condition(): Condition {
    return unchanged(this.#entry.key, this.#entry)
  }

  /**
   * Rewrites the host's record, so that no claim sent before can commit afterwards.
   *
   * @throws {Error} where somebody else wrote the record: overwriting it would hide an eviction, or fence the original
   */
  async fence(): Promise<void> {
    for (;;) {
      await this.refresh()
      const entry = await rewrite(this.#store, this.host, this.#entry, this.#nonces)
      if (!entry) continue
      this.#entry = entry
      return
    }
  }

  /**
   * After a claim failed at the fence: my own fencing moved it, then the new revision is taken over.
   *
   * @throws {Error} where somebody else wrote the record: then nothing may be claimed any more
   */
  async refresh(): Promise<void> {
    const found = await this.#store.get(hostKey(this.host.id))
    const nonce = readHost(found)?.nonce
    if (!found || !nonce || !this.#nonces.has(nonce)) {
      throw new Error(
        `The record of host ${this.host.name} was changed by somebody else; restart this plugin`,
      )
    }
    this.#entry = found
  }
}

/**
 * Undefined where it changed since it was `found`. The nonce is noted before it is sent: a write of unknown outcome is
 * still known as mine.
 */
async function rewrite(
  store: Store,
  host: Host,
  found: Entry | undefined,
  nonces: Set<string>,
): Promise<Entry | undefined> {
  const key = hostKey(host.id)
  const nonce = randomUUID()
  nonces.add(nonce)
  const value = write({ name: host.name, generation: readHost(found)?.generation ?? 1, nonce })
  const result = await store.commit({
    require: [unchanged(key, found)],
    write: [{ put: key, value }],
  })
  if (!result.committed) return undefined
  // What was sent before this and has not committed never will; what was sent since may have.
  for (const other of nonces) {
    if (other === nonce) break
    nonces.delete(other)
  }
  return { key, value, revision: result.revision }
}
