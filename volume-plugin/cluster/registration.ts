import { randomUUID } from 'node:crypto'
import type { Host } from '../../shared/host.ts'
import { KeyedQueue } from '../../shared/keyed-queue.ts'
import { Refusal } from '../../shared/refusal.ts'
import { StoreUnavailable, unchanged } from '../../shared/store.ts'
import type { Condition, Entry, Revision, Store } from '../../shared/store.ts'
import type { ClusterBook, HostNotes } from './cluster-book.ts'
import { CLUSTER, volumeHostKey } from './cluster-keys.ts'
import { readCluster, readHost, write } from './cluster-records.ts'
import { standingOf } from './standing.ts'
import type { Observation, Standing } from './standing.ts'

/** Nothing may be sent until somebody did what the message says. */
export class Barred extends Error {
  override readonly name = 'Barred'
}

/** How many nonces that stood in the record before are remembered. */
const FORMER = 20

type Found = Observation & {
  readonly entry: Entry | undefined
  readonly cluster: string | undefined
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
  readonly #store: Store
  readonly #book: Pick<ClusterBook, 'putNotes'>
  readonly #queue = new KeyedQueue()
  #notes: HostNotes | undefined
  /** Undefined while this host is not registered. */
  #held: Revision | undefined
  /** Why not. */
  #absence: string
  #barred: string | undefined
  #isTrusted = false
  #epoch = 0
  /** Noted, sent, and not known to have arrived. */
  #pending: string | undefined
  #cluster: string | undefined

  private constructor(
    store: Store,
    book: Pick<ClusterBook, 'putNotes'>,
    host: Host,
    notes: HostNotes | undefined,
  ) {
    this.#store = store
    this.#book = book
    this.host = host
    this.#notes = notes
    this.#cluster = notes?.cluster
    this.#absence = this.#notYet('; try again')
  }

  static async open(
    store: Store,
    book: Pick<ClusterBook, 'putNotes'>,
    host: Host,
    notes: HostNotes | undefined,
  ): Promise<Registration> {
    return new Registration(store, book, host, notes)
  }

  /** Whether transactions may be sent. */
  get isRegistered(): boolean {
    return this.#held !== undefined
  }

  /** Of the last registration; 0 where there never was one. */
  get generation(): number {
    return this.#notes?.generation ?? 0
  }

  /** The file system that the store knows, as last seen there, else as noted. */
  get cluster(): string | undefined {
    return this.#cluster
  }

  /** Why nothing may be sent, and what somebody has to do; undefined while nothing stands against it. */
  get barred(): string | undefined {
    return this.#barred
  }

  /** Changes whenever what was read before may be of another store than what is read now. */
  get epoch(): number {
    return this.#epoch
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
        const found = await this.#observe().catch(error => this.#failed(error))
        const standing = standingOf(this.#notes, found)
        if (standing.is === 'barred') throw new Barred(this.#bar(standing.reason))
        this.#trust(found)
        const generation = Math.max(found.host?.generation ?? 0, this.generation, 1)
        const isKnown = this.#notes?.history === found.history
        const notes = isKnown ? this.#known() : firstNotes(found)
        if (await this.#rewrite(found, notes, generation)) return
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
        if (found === 'raised') throw new Refusal('not-ready', this.#absence)
        if (await this.#rewrite(found, this.#known(), this.generation)) return
      }
    })
  }

  /** "My record is as I wrote it." @throws {Refusal} `not-ready` while this host is not registered */
  condition(): Condition {
    const key = volumeHostKey(this.host.id)
    if (this.#held !== undefined) return { key, is: 'at', revision: this.#held }
    throw new Refusal('not-ready', this.#barred ?? this.#absence)
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
      const revision = current?.get(volumeHostKey(this.host.id))?.revision
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
        const before = this.#notes ?? firstNotes(found)
        const generation = Math.max(found.host?.generation ?? 0, before.generation) + 1
        const former = [...before.formerNonces, ...(found.host ? [found.host.nonce] : [])]
        // What was there is former only once it was overwritten: until then this host stays barred.
        const notes = { ...before, history: found.history }
        if (!(await this.#rewrite(found, notes, generation, former))) continue
        this.#trust(found)
        return
      }
    })
  }

  /** The store has this file system, as somebody saw there. */
  async noteCluster(id: string): Promise<void> {
    if (id === this.#cluster) return
    await this.#alone(async () => {
      this.#cluster = id
      if (this.#notes) await this.#note(this.#notes)
    })
  }

  /** @throws {StoreUnavailable} while what is read of the store may be of another one than this host registered with */
  requireTrust(): void {
    if (this.#isTrusted) return
    throw new StoreUnavailable(this.#barred ?? this.#absence)
  }

  async #alone<T>(job: () => Promise<T>): Promise<T> {
    return await this.#queue.run('record', job)
  }

  #failed(error: unknown): never {
    this.#absence = this.#notYet(`: ${error instanceof Error ? error.message : String(error)}`)
    throw error
  }

  #notYet(rest: string): string {
    return `Host ${this.host.name} is not registered in the store yet${rest}`
  }

  /** In whatever history the store has now: nothing of it is believed before it is judged. */
  async #observe(): Promise<Found> {
    const history = await this.#store.history()
    if (history !== this.#notes?.history) this.#distrust()
    this.#store.follow(history)
    return await this.#read(history)
  }

  async #read(history: string): Promise<Found> {
    const [entry, cluster] = await Promise.all([
      this.#store.get(volumeHostKey(this.host.id)),
      this.#store.get(CLUSTER),
    ])
    return { history, host: readHost(entry), entry, cluster: readCluster(cluster)?.id }
  }

  /** The record as it stands now, if it is this host's. */
  async #takeOver(): Promise<Found | 'raised'> {
    this.condition()
    const notes = this.#known()
    const history = await this.#store.history()
    const found =
      history === notes.history
        ? await this.#read(history)
        : { history, host: undefined, entry: undefined, cluster: undefined }
    const standing: Standing = standingOf(notes, found)
    if (standing.is === 'barred') throw new Refusal('not-ready', this.#bar(standing.reason))
    if (standing.is === 'raised') {
      this.#held = undefined
      this.#absence = `A volume was taken from host ${this.host.name} by berth volume break-lock; the host is registering anew: try again`
      return 'raised'
    }
    this.#trust(found)
    this.#held = found.entry?.revision
    return found
  }

  /**
   * False where it changed since it was `found`. The nonce is noted first: a write of unknown outcome is known as ours.
   *
   * @param former nonces of which a record that has one is an old one
   */
  async #rewrite(
    { entry, host }: Found,
    notes: HostNotes,
    generation: number,
    former = notes.formerNonces,
  ): Promise<boolean> {
    // One that may stand there already is not written twice: a store set back in between would look the same.
    if (this.#pending === host?.nonce) this.#pending = undefined
    const nonce = (this.#pending ??= randomUUID())
    const nonces = [...notes.nonces.filter(one => one !== nonce), nonce]
    await this.#note({ ...notes, nonces })
    const key = volumeHostKey(this.host.id)
    const value = write({ name: this.host.name, generation, nonce })
    const require = [unchanged(key, entry)]
    const result = await this.#store.commit({ require, write: [{ put: key, value }] })
    if (!result.committed) return false
    this.#pending = undefined
    const formerNonces = [...former, ...notes.nonces.filter(one => one !== nonce)].slice(-FORMER)
    await this.#note({ ...notes, generation, nonces: [nonce], formerNonces })
    this.#held = result.revision
    return true
  }

  async #note(notes: HostNotes): Promise<void> {
    const noted = { ...notes, cluster: this.#cluster }
    await this.#book.putNotes(noted)
    this.#notes = noted
  }

  #known(): HostNotes {
    if (this.#notes) return this.#notes
    throw new Error('Nothing was noted before the host registered')
  }

  #bar(reason: string): string {
    this.#barred = reason
    this.#held = undefined
    this.#distrust()
    return reason
  }

  #trust({ cluster }: Found): void {
    this.#cluster = cluster ?? this.#cluster
    this.#isTrusted = true
    this.#barred = undefined
  }

  #distrust(): void {
    this.#isTrusted = false
    this.#epoch += 1
  }
}

/** Of a host that has none. Before the first registration is known to have succeeded, its generation is 0. */
const firstNotes = ({ history }: Observation): HostNotes => ({
  history,
  cluster: undefined,
  generation: 0,
  nonces: [],
  formerNonces: [],
})
