import type { Host } from '../../shared/host.ts'
import { KeyedQueue } from '../../shared/keyed-queue.ts'
import { Refusal } from '../../shared/refusal.ts'
import { unchanged } from '../../shared/store.ts'
import type { Condition, Entry, Revision, Store } from '../../shared/store.ts'
import type { ClusterBook, HostNotes } from './cluster-book.ts'
import { volumeHostKey } from './cluster-keys.ts'
import { write } from './cluster-records.ts'
import { HostMemory } from './host-memory.ts'
import { nothing, observe } from './observe.ts'
import type { Found } from './observe.ts'
import { standingOf } from './standing.ts'
import { Trust } from './trust.ts'

/** Nothing may be sent until somebody did what the message says. */
export class Barred extends Error {
  override readonly name = 'Barred'
}

/**
 * This host's record in the store: writes it, and knows it from what others wrote there. Every transaction of this host
 * requires it to be as this instance wrote it last: so that writing it anew makes all fail that was sent before and has not
 * committed yet, and so does taking a volume from this host.
 *
 * The more often it is written anew, the sooner a store that was set back is found out: that one has it as it was before.
 */
export class Registration {
  readonly host: Host
  readonly #key: string
  readonly #store: Store
  readonly #memory: HostMemory
  readonly #trust: Trust
  readonly #queue = new KeyedQueue()
  /** Undefined while this host is not registered. */
  #held: Revision | undefined

  private constructor(store: Store, host: Host, memory: HostMemory) {
    this.#store = store
    this.host = host
    this.#key = volumeHostKey(host.id)
    this.#memory = memory
    this.#trust = new Trust(host.name)
  }

  /** @param notes as the book has them */
  static async open(
    store: Store,
    book: Pick<ClusterBook, 'putNotes'>,
    host: Host,
    notes: HostNotes | undefined,
  ): Promise<Registration> {
    return new Registration(store, host, new HostMemory(book, notes))
  }

  /** Whether transactions may be sent. */
  get isRegistered(): boolean {
    return this.#held !== undefined
  }

  /** Of the last registration; 0 where there never was one. */
  get generation(): number {
    return this.#memory.notes?.generation ?? 0
  }

  /** The file system that the store knows, as last seen there, else as noted. */
  get cluster(): string | undefined {
    return this.#memory.cluster
  }

  /** Why nothing may be sent, and what somebody has to do; undefined while nothing stands against it. */
  get barred(): string | undefined {
    return this.#trust.barred
  }

  /** Changes whenever what was read before may be of another store than what is read now. */
  get epoch(): number {
    return this.#trust.epoch
  }

  /** @throws {StoreUnavailable} while what is read of the store may be of another one than this host registered with */
  requireTrust(): void {
    this.#trust.require()
  }

  /**
   * Writes this host's record, however it stood. Nothing that an earlier instance sent commits afterwards.
   *
   * @throws {Barred}
   * @throws {StoreUnavailable | OutcomeUnknown} to be called again
   */
  async register(): Promise<void> {
    await this.#alone(async () => {
      for (;;) {
        const found = await this.#observe().catch(error => this.#trust.failed(error))
        const standing = standingOf(this.#memory.notes, found)
        if (standing.is === 'barred') throw new Barred(this.bar(standing.reason))
        this.#believe(found)
        const generation = Math.max(found.host?.generation ?? 0, this.generation, 1)
        if (await this.#rewrite(found, this.#memory.notesOf(found.history), generation)) return
      }
    })
  }

  /**
   * Writes the record anew: nothing that this host sent before commits afterwards.
   *
   * @param sent what those transactions required; where the record is another one by now, nothing is to do
   * @throws {Refusal} `not-ready` where it is not ours any more
   * @throws {StoreUnavailable | OutcomeUnknown}
   */
  async fence(sent?: Condition): Promise<void> {
    await this.#alone(async () => {
      while (!sent || this.isCurrent(sent)) {
        const found = await this.#takeOver()
        if (found === 'raised') throw this.#notRegistered()
        if (await this.#rewrite(found, this.#memory.notesOf(found.history), this.generation)) return
      }
    })
  }

  /** "My record is as I wrote it." @throws {Refusal} `not-ready` while this host is not registered */
  condition(): Condition {
    if (this.#held === undefined) throw this.#notRegistered()
    return { key: this.#key, is: 'at', revision: this.#held }
  }

  /** Whether it is still what `condition` gives. */
  isCurrent(sent: Condition): boolean {
    return sent.is === 'at' && sent.revision === this.#held
  }

  /**
   * After a commit was lost at the fence: where my own fencing moved it, that is taken over. `raised`: a volume was taken
   * from this host, which is not registered any more.
   *
   * @param current what the lost commit found: where the fence is so by now, somebody else has looked already
   * @throws {Refusal} `not-ready` where this host is barred
   * @throws {StoreUnavailable}
   */
  async refresh(current?: ReadonlyMap<string, Entry>): Promise<'ours' | 'raised'> {
    return await this.#alone(async () => {
      const revision = current?.get(this.#key)?.revision
      if (revision !== undefined && revision === this.#held) return 'ours'
      return (await this.#takeOver()) === 'raised' ? 'raised' : 'ours'
    })
  }

  /**
   * The operator's word that this machine is that host, and that this store is the right one: registers this host over
   * whatever is there. What it had before counts as of before.
   *
   * @throws {StoreUnavailable | OutcomeUnknown} to be called again
   */
  async adopt(): Promise<void> {
    await this.#alone(async () => {
      for (;;) {
        const found = await this.#observe()
        const { host, history } = found
        const before = { ...(this.#memory.notes ?? this.#memory.notesOf(history)), history }
        const generation = Math.max(host?.generation ?? 0, before.generation) + 1
        if (!(await this.#rewrite(found, before, generation))) continue
        return this.#believe(found)
      }
    })
  }

  /** Whether this host's notes tell of all that it has mounted since it booted. */
  get isWhole(): boolean {
    return this.#memory.notes?.boot === this.host.boot
  }

  /** From now on they do. */
  async noteWhole(): Promise<void> {
    await this.#alone(async () => await this.#memory.noteBoot(this.host.boot))
  }

  /** The store has this file system, as somebody saw there. */
  async noteCluster(id: string): Promise<void> {
    if (id === this.cluster) return
    await this.#alone(async () => await this.#memory.noteCluster(id))
  }

  /** Nothing is sent before somebody did what the reason says. @returns the reason */
  bar(reason: string): string {
    this.#held = undefined
    this.#trust.bar(reason)
    return reason
  }

  async #alone<T>(job: () => Promise<T>): Promise<T> {
    return await this.#queue.run('record', job)
  }

  #notRegistered(): Refusal {
    return new Refusal('not-ready', this.#trust.why)
  }

  /** In whatever history the store has now: nothing of it is believed before it is judged. */
  async #observe(): Promise<Found> {
    const history = await this.#store.history()
    if (history !== this.#memory.notes?.history) this.#trust.withdraw()
    this.#store.follow(history)
    return await observe(this.#store, this.#key, history)
  }

  /** The record as it stands now, if it is this host's. */
  async #takeOver(): Promise<Found | 'raised'> {
    if (!this.isRegistered) throw this.#notRegistered()
    const { notes } = this.#memory
    const history = await this.#store.history()
    const found =
      history === notes?.history ? await observe(this.#store, this.#key, history) : nothing(history)
    const standing = standingOf(notes, found)
    if (standing.is === 'barred') throw new Refusal('not-ready', this.bar(standing.reason))
    this.#believe(found)
    if (standing.is === 'raised') {
      this.#held = undefined
      this.#trust.raised()
      return 'raised'
    }
    this.#held = found.entry?.revision
    return found
  }

  /** False where it changed since it was `found`. */
  async #rewrite({ entry, host }: Found, notes: HostNotes, generation: number): Promise<boolean> {
    const nonce = await this.#memory.announce(notes, host)
    const record = { name: this.host.name, generation, nonce }
    const result = await this.#store.commit({
      require: [unchanged(this.#key, entry)],
      write: [{ put: this.#key, value: write(record) }],
    })
    if (!result.committed) return false
    await this.#memory.written(notes, record)
    this.#held = result.revision
    return true
  }

  #believe({ cluster }: Found): void {
    this.#memory.see(cluster)
    this.#trust.give()
  }
}
