import { randomUUID } from 'node:crypto'
import { Refusal } from '../shared/refusal.ts'
import { LOCAL_HISTORY, unchanged } from '../shared/store.ts'
import type { Condition, Entry, Store } from '../shared/store.ts'
import { VERSION } from '../shared/version.ts'
import { adopted, firstNotes, noncesAfter, notesOf, recordFor } from './host-record.ts'
import type { Admitted } from './host-record.ts'
import type { Host } from './host.ts'
import { KeyedQueue } from '../shared/keyed-queue.ts'
import { hostKey, RECOVERY, seenKey } from './keys.ts'
import type { NoteBook, Notes } from './notes.ts'
import { observe, unchangedSince } from './observe.ts'
import type { Entries, Found } from './observe.ts'
import { write } from './records.ts'
import type { HostRecord } from './records.ts'
import { isSetBack, standingOf } from './standing.ts'
import type { Standing } from './standing.ts'

type Barring = Extract<Standing, { is: 'barred' }>

/** Nothing may be claimed until somebody did what the message says. */
export class Barred extends Error {
  override readonly name = 'Barred'
}

/**
 * This host's record in the store. Every transaction requires it to be as this instance last wrote it: that condition is
 * the fence. Rewriting the record makes all fail that were sent before and have not committed yet.
 *
 * Where the store is shared, they also require this host's last sign of life, which is not there in a store that was set
 * back to an older state; and that no recovery was called for since.
 */
export class Registration {
  readonly host: Host
  readonly #store: Store
  readonly #book: NoteBook
  readonly #queue = new KeyedQueue()
  #notes: Notes | undefined
  /** As this instance knows it; undefined before it registered. */
  #mine: { readonly record: HostRecord; readonly entries: Entries } | undefined
  #isIntact = false
  #isOpen = false
  #epoch = 0

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

  /** The fence: what every transaction of this host requires. @throws {Refusal} while this host is not registered */
  conditions(): Condition[] {
    const { entries } = this.#registered()
    if (!this.#isIntact) throw new Refusal('not-ready', this.#dislodged())
    return unchangedSince(this.host.id, this.#known().history, entries)
  }

  /** Whether all of the fence still held in what a lost commit found; where not, `refresh` tells why. */
  stillHeld(current: ReadonlyMap<string, Entry>): boolean {
    return this.conditions().every(condition => {
      const found = current.get(condition.key)?.revision
      return condition.is === 'absent' ? found === undefined : found === condition.revision
    })
  }

  /** The number of the last recovery that this host knows of. */
  get lastRecovery(): number {
    return this.#notes?.recovery?.number ?? 0
  }

  /**
   * Changes whenever this host may have lost its place: what was sent in one epoch is not to be believed in another, since
   * the answer may be of a store that was set back meanwhile.
   */
  get epoch(): number {
    return this.#epoch
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
    if (!this.#isOpen) {
      throw new Refusal('not-ready', 'This host is claiming its own addresses again; try again')
    }
    return this.conditions()
  }

  /**
   * Writes this host's record, however it stood. Nothing that an earlier instance sent commits afterwards.
   *
   * @throws {Barred}
   */
  async register(): Promise<Admitted> {
    return await this.#queue.run('record', async () => {
      this.#lapse()
      for (;;) {
        const found = await this.#observeAnew()
        const standing = standingOf(this.#notes, found)
        if (standing.is === 'barred') {
          await this.#tell(standing, found)
          throw new Barred(standing.reason)
        }
        this.#notes ??= firstNotes(this.host, found)
        const record = recordFor(this.host, standing, this.#notes, found.host)
        if (!(await this.#rewrite(found, record))) continue
        this.#isIntact = true
        await this.#note(notesOf(found))
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
   * @param current what a lost commit found: where the fence is so by now, somebody else has looked already
   * @throws {Refusal} where the record is not ours any more: nothing may be claimed until it was registered anew
   */
  async refresh(current?: ReadonlyMap<string, Entry>): Promise<void> {
    await this.#queue.run('record', async () => {
      if (!current || !this.stillHeld(current)) await this.#takeOver()
    })
  }

  /** Gives the next sign of life, if the last one is still there. @throws {Refusal} where the record is not ours any more */
  async beat(): Promise<void> {
    if (this.#notes?.history === LOCAL_HISTORY) return
    await this.#queue.run('record', async () => {
      const { record, entries } = this.#registered()
      const key = seenKey(this.host.id)
      const beat = this.#known().beat + 1
      const value = write({ nonce: record.nonce, beat, at: Date.now(), version: VERSION })
      const result = await this.#store.commit({
        require: this.conditions(),
        write: [{ put: key, value }],
      })
      if (!result.committed) return void (await this.#takeOver())
      const seen = { key, value, revision: result.revision }
      this.#mine = { record, entries: { ...entries, seen } }
      await this.#note({ beat })
    })
  }

  /**
   * The operator's word that this machine is the host that the store knows, and not a copy of it; where the store knows
   * none, that it is the right store. That a store was set back is not settled by it. All is claimed again afterwards.
   *
   * @param restore writes the journal anew, where it was lost with the notes: before them, since they say that it is there
   */
  async adopt(restore: () => Promise<void>): Promise<void> {
    await this.#queue.run('record', async () => {
      this.#lapse()
      const found = await this.#observeAnew()
      const { host, history } = found
      if (host) {
        if (!this.#notes) await restore()
        this.#notes ??= { ...firstNotes(this.host, found), ...notesOf(found) }
        await this.#note(adopted(this.#notes, host))
      } else if (this.#notes && this.#notes.history !== history) {
        await this.#note({ history: LOCAL_HISTORY })
      }
    })
  }

  /** All that the journal holds is claimed under the registered generation. */
  async noteReturned(): Promise<void> {
    await this.#note({ generation: this.generation })
  }

  /** What earlier boots left is released. */
  async noteOrphansReleased(): Promise<void> {
    await this.#note({ boot: this.host.boot })
  }

  #lapse(): void {
    this.#isIntact = false
    this.#epoch += 1
  }

  #registered(): { readonly record: HostRecord; readonly entries: Entries } {
    if (this.#mine) return this.#mine
    throw new Refusal('not-ready', 'This host is not registered in the store yet; try again')
  }

  #known(): Notes {
    if (this.#notes) return this.#notes
    throw new Error('Nothing was noted before the host registered')
  }

  /** In whatever history the store has now: nothing is sent before what was found of it is judged. */
  async #observeAnew(): Promise<Found> {
    const history = await this.#store.history()
    this.#store.follow(history)
    return await observe(this.#store, this.host.id, history)
  }

  async #takeOver(): Promise<Found & { record: HostRecord }> {
    const notes = this.#known()
    if ((await this.#store.history()) !== notes.history) {
      this.#lapse()
      throw new Refusal('not-ready', this.#dislodged())
    }
    const found = await observe(this.#store, this.host.id, notes.history)
    const { host, gate, entries } = found
    const standing = standingOf(notes, found)
    // An eviction and a recovery raise the generation: also where an adoption took their nonce for ours.
    const isSame = host !== undefined && host.generation === this.#mine?.record.generation
    const isOurs = isSame && notes.nonces.includes(host.nonce)
    const isElsewhere = gate?.state === 'open' && host?.recovery?.id !== gate.id
    const isFit = standing.is !== 'barred' && !isElsewhere && !isSetBack(notes, found)
    if (!isOurs || !isFit) this.#lapse()
    if (standing.is === 'barred') {
      await this.#tell(standing, found)
      throw new Refusal('not-ready', standing.reason)
    }
    if (!this.#isIntact || !host || !entries.host) throw new Refusal('not-ready', this.#dislodged())
    this.#mine = { record: host, entries }
    const beat = found.seen?.beat ?? 0
    if (beat > notes.beat) await this.#note({ beat })
    return { ...found, record: host }
  }

  /** False where it changed since it was `found`. The nonce is noted first: a write of unknown outcome is known as ours. */
  async #rewrite({ entries }: Found, record: Omit<HostRecord, 'nonce'>): Promise<boolean> {
    const nonce = randomUUID()
    await this.#note({ nonces: [...this.#known().nonces, nonce] })
    const key = hostKey(this.host.id)
    const value = write({ ...record, nonce })
    const result = await this.#store.commit({
      require: [unchanged(key, entries.host), unchanged(RECOVERY, entries.gate)],
      write: [{ put: key, value }],
    })
    if (!result.committed) return false
    const host = { key, value, revision: result.revision }
    this.#mine = { record: { ...record, nonce }, entries: { ...entries, host } }
    await this.#note(noncesAfter(this.#known(), nonce))
    return true
  }

  /** Tells all hosts that the store was set back, where this host found it; nothing to do where somebody has told already. */
  async #tell({ findsSetBack }: Barring, { gate, entries }: Found): Promise<void> {
    if (!findsSetBack) return
    const number = Math.max(gate?.number ?? 0, this.lastRecovery) + 1
    const by = this.host.name
    const since = new Date().toISOString()
    const value = write({ id: randomUUID(), number, state: 'needed', by, since })
    await this.#store.commit({
      require: [unchanged(RECOVERY, entries.gate)],
      write: [{ put: RECOVERY, value }],
    })
  }

  #dislodged(): string {
    return `Host ${this.host.name} was evicted, or its record was changed by somebody else; it is registering anew: try again`
  }

  /** One change after the other: each goes on from what the one before has written. */
  async #note(change: Partial<Notes>): Promise<void> {
    await this.#queue.run('notes', async () => {
      const notes = { ...this.#known(), ...change }
      await this.#book.write(notes)
      this.#notes = notes
    })
  }
}
