import { randomUUID } from 'node:crypto'
import { Refusal } from '../shared/refusal.ts'
import { LOCAL_HISTORY, unchanged } from '../shared/store.ts'
import type { Condition, Entry, Store } from '../shared/store.ts'
import type { Host } from './host.ts'
import { KeyedQueue } from './keyed-queue.ts'
import { hostKey, RECOVERY, seenKey } from './keys.ts'
import type { NoteBook, Notes } from './notes.ts'
import { readHost, readRecovery, readSeen, write } from './records.ts'
import type { HostRecord } from './records.ts'
import { standingOf } from './standing.ts'
import type { Observation, Standing } from './standing.ts'
import { VERSION } from '../shared/version.ts'

export type Admitted = Exclude<Standing, { is: 'barred' }>

/** Nothing may be claimed until somebody did what the message says. */
export class Barred extends Error {
  override readonly name = 'Barred'
}

type Found = Observation & {
  readonly entries: Readonly<Record<'host' | 'seen' | 'gate', Entry | undefined>>
}

/**
 * This host's record in the store. Every claim requires it to be as this instance last wrote it: that condition is the
 * fence. Rewriting the record makes all claims fail that were sent before and have not committed yet.
 *
 * Where the store is shared, a claim also requires this host's last sign of life: in a store that was set back to an
 * older state it is not there.
 */
export class Registration {
  readonly host: Host
  readonly #store: Store
  readonly #book: NoteBook
  readonly #queue = new KeyedQueue()
  #notes: Notes | undefined
  #mine: { readonly entry: Entry; readonly record: HostRecord } | undefined
  #seen: Entry | undefined
  #isIntact = false
  #isOpen = false

  private constructor(store: Store, book: NoteBook, host: Host, notes: Notes | undefined) {
    this.#store = store
    this.#book = book
    this.host = host
    this.#notes = notes
  }

  static async open(store: Store, book: NoteBook, host: Host): Promise<Registration> {
    return new Registration(store, book, host, await book.read())
  }

  /** Whether the record was as this instance wrote it when it was last looked at. */
  get isIntact(): boolean {
    return this.#isIntact
  }

  get generation(): number {
    return this.record.generation
  }

  /** As this instance wrote it last. @throws {Refusal} before the first registration */
  get record(): HostRecord {
    return this.#registered().record
  }

  /** Whether some boot before this one may have left addresses that the journal does not know. */
  get mayHaveOrphans(): boolean {
    return this.#notes?.boot !== this.host.boot
  }

  /** Whether all that the journal holds was claimed under the generation that is registered. */
  get isReturned(): boolean {
    return this.#notes?.generation === this.generation
  }

  /** The fence: "my host record is as I wrote it last". @throws {Refusal} before the first registration */
  condition(): Condition {
    const { entry } = this.#registered()
    return unchanged(entry.key, entry)
  }

  /** From now on claims may be sent. */
  open(): void {
    this.#isOpen = true
  }

  /** No claim may be sent any more. */
  close(): void {
    this.#isOpen = false
  }

  /** What a claim requires. @throws {Refusal} while none may be sent */
  claimConditions(): Condition[] {
    const fence = this.condition()
    if (!this.#isOpen) {
      throw new Refusal('not-ready', 'This host is claiming its own addresses again; try again')
    }
    return this.#isShared ? [fence, unchanged(seenKey(this.host.id), this.#seen)] : [fence]
  }

  /**
   * Writes this host's record, however it stood. Nothing that an earlier instance sent commits afterwards.
   *
   * @throws {Barred}
   */
  async register(): Promise<Admitted> {
    return await this.#queue.run('record', async () => {
      for (;;) {
        const found = await this.#look()
        const standing = standingOf(this.#notes, found)
        if (standing.is === 'barred') throw new Barred(standing.reason)
        if (!this.#notes) await this.#note(firstNotes(this.host, found))
        if (!(await this.#rewrite(found, this.#recordFor(standing, found)))) continue
        await this.#accept(found)
        return standing
      }
    })
  }

  /** Rewrites the record, so that nothing sent before commits afterwards. @throws {Refusal} where it is not ours any more */
  async fence(): Promise<void> {
    await this.change(record => record)
  }

  /** Rewrites the record with something else in it. @throws {Refusal} where it is not ours any more */
  async change(changed: (record: HostRecord) => HostRecord): Promise<void> {
    await this.#queue.run('record', async () => {
      for (;;) {
        const found = await this.#takeOver()
        if (await this.#rewrite(found, changed(found.record))) return
      }
    })
  }

  /**
   * After a claim failed at the fence: where my own fencing or beat moved it, the new revisions are taken over.
   *
   * @throws {Refusal} where the record is not ours any more: nothing may be claimed until it was registered anew
   */
  async refresh(): Promise<void> {
    await this.#queue.run('record', () => this.#takeOver())
  }

  /** Gives the next sign of life, if the last one is still there. @throws {Refusal} where the record is not ours any more */
  async beat(): Promise<void> {
    if (!this.#isShared) return
    await this.#queue.run('record', async () => {
      const key = seenKey(this.host.id)
      const { nonce } = this.record
      const beat = this.#known().beat + 1
      const value = write({ nonce, beat, at: Date.now(), version: VERSION })
      const result = await this.#store.commit({
        require: [unchanged(key, this.#seen), this.condition()],
        write: [{ put: key, value }],
      })
      if (!result.committed) await this.#takeOver()
      else {
        this.#seen = { key, value, revision: result.revision }
        await this.#note({ ...this.#known(), beat })
      }
    })
  }

  /**
   * The operator's word that this machine is the host that the store knows, and not a copy of it. That the store was set
   * back is not settled by it.
   *
   * @returns whether the notes were lost, and with them the journal
   */
  async adopt(): Promise<boolean> {
    return await this.#queue.run('record', async () => {
      const found = await this.#look()
      const { host, seen } = found
      if (!host) return false
      const known = this.#notes
      const generation = host.evicted ? host.generation - 1 : host.generation
      const lost = { ...firstNotes(this.host, found), generation, beat: seen?.beat ?? 0 }
      const notes = known ?? lost
      await this.#note({ ...notes, nonces: [...notes.nonces, host.nonce] })
      return known === undefined
    })
  }

  /** All that the journal holds is claimed under the registered generation. */
  async noteReturned(): Promise<void> {
    await this.#note({ ...this.#known(), generation: this.generation })
  }

  /** What earlier boots left is released. */
  async noteOrphansReleased(): Promise<void> {
    await this.#note({ ...this.#known(), boot: this.host.boot })
  }

  get #isShared(): boolean {
    return this.#notes?.history !== LOCAL_HISTORY
  }

  #registered(): { readonly entry: Entry; readonly record: HostRecord } {
    if (this.#mine) return this.#mine
    throw new Refusal('not-ready', 'This host is not registered in the store yet; try again')
  }

  #known(): Notes {
    if (this.#notes) return this.#notes
    throw new Error('Nothing was noted before the host registered')
  }

  async #look(): Promise<Found> {
    const { id } = this.host
    const [history, host, seen, gate] = await Promise.all([
      this.#store.history(),
      this.#store.get(hostKey(id)),
      this.#store.get(seenKey(id)),
      this.#store.get(RECOVERY),
    ])
    return {
      history,
      host: readHost(host),
      seen: readSeen(seen),
      gate: readRecovery(gate),
      entries: { host, seen, gate },
    }
  }

  async #takeOver(): Promise<Found & { record: HostRecord }> {
    const found = await this.#look()
    const notes = this.#known()
    const { host, entries } = found
    const standing = standingOf(notes, found)
    const isOurs = host && entries.host && notes.nonces.includes(host.nonce)
    this.#isIntact = Boolean(isOurs) && standing.is !== 'barred'
    if (standing.is === 'barred') throw new Refusal('not-ready', standing.reason)
    if (!isOurs || !entries.host) throw new Refusal('not-ready', this.#dislodged())
    this.#mine = { entry: entries.host, record: host }
    this.#seen = entries.seen
    const beat = found.seen?.beat ?? 0
    if (beat > notes.beat) await this.#note({ ...notes, beat })
    return { ...found, record: host }
  }

  /** False where it changed since it was `found`. The nonce is noted first: a write of unknown outcome is known as ours. */
  async #rewrite({ entries }: Found, record: Omit<HostRecord, 'nonce'>): Promise<boolean> {
    const nonce = randomUUID()
    await this.#note({ ...this.#known(), nonces: [...this.#known().nonces, nonce] })
    const key = hostKey(this.host.id)
    const value = write({ ...record, nonce })
    const result = await this.#store.commit({
      require: [unchanged(key, entries.host), unchanged(RECOVERY, entries.gate)],
      write: [{ put: key, value }],
    })
    if (!result.committed) return false
    this.#mine = { entry: { key, value, revision: result.revision }, record: { ...record, nonce } }
    // What was sent before this and has not committed never will.
    await this.#note({ ...this.#known(), nonces: [nonce] })
    return true
  }

  async #accept({ history, seen, gate, entries }: Found): Promise<void> {
    this.#seen = entries.seen
    this.#isIntact = true
    await this.#note({
      ...this.#known(),
      history,
      beat: seen?.beat ?? 0,
      recovery: gate?.id,
    })
  }

  #recordFor(standing: Admitted, { host }: Found): Omit<HostRecord, 'nonce'> {
    const { name, machine } = this.host
    const generation = host?.generation ?? 0
    const next = Math.max(generation, this.#known().generation + 1)
    switch (standing.is) {
      case 'new':
      case 'returning':
        return { name, machine, generation: next }
      case 'recovering': {
        const { id, phase } = standing
        const isReclaimed = phase === 'reclaimed'
        const kept = isReclaimed ? generation : next
        return { name, machine, generation: kept, recovery: { id, phase } }
      }
      case 'mine':
        return { name, machine, generation }
    }
  }

  #dislodged(): string {
    return `Host ${this.host.name} was evicted, or its record was changed by somebody else; it is registering anew`
  }

  async #note(notes: Notes): Promise<void> {
    await this.#book.write(notes)
    this.#notes = notes
  }
}

function firstNotes({ boot }: Host, { history, host, gate }: Found): Notes {
  return {
    history,
    generation: host?.generation ?? 0,
    nonces: host ? [host.nonce] : [],
    beat: 0,
    boot: host ? '' : boot,
    recovery: gate?.id,
  }
}
