import { randomUUID } from 'node:crypto'
import { Refusal } from '../shared/refusal.ts'
import { LOCAL_HISTORY, unchanged } from '../shared/store.ts'
import type { Entry, Store } from '../shared/store.ts'
import { VERSION } from '../shared/version.ts'
import { adopted, firstNotes, noncesAfter, notesOf, recordFor } from './host-record.ts'
import type { Admitted } from './host-record.ts'
import type { Host } from '../shared/host.ts'
import { KeyedQueue } from '../shared/keyed-queue.ts'
import { KeptNotes } from './kept-notes.ts'
import { hostKey, RECOVERY, seenKey } from './keys.ts'
import type { NoteBook } from './notes.ts'
import { Place } from './place.ts'
import { observe } from './observe.ts'
import type { Found } from './observe.ts'
import { write } from './records.ts'
import type { HostRecord } from './records.ts'
import { callForRecovery } from './recovery.ts'
import { hasItsPlace, standingOf } from './standing.ts'
import type { Standing } from './standing.ts'

type Barring = Extract<Standing, { is: 'barred' }>

/** Nothing may be claimed until somebody did what the message says. */
export class Barred extends Error {
  override readonly name = 'Barred'
}

/**
 * This host's record in the store: writes it, and knows it from what others wrote there. Rewriting the record makes all
 * fail that was sent before and has not committed yet.
 */
export class Registration {
  readonly host: Host
  readonly place: Place
  readonly #store: Store
  readonly #queue = new KeyedQueue()
  readonly #notes: KeptNotes

  private constructor(store: Store, host: Host, notes: KeptNotes) {
    this.#store = store
    this.host = host
    this.place = new Place(host)
    this.#notes = notes
  }

  static async open(store: Store, book: NoteBook, host: Host): Promise<Registration> {
    return new Registration(store, host, await KeptNotes.open(book))
  }

  get generation(): number {
    return this.record.generation
  }

  /** As this instance wrote it last. @throws {Refusal} before the first registration */
  get record(): HostRecord {
    return this.place.held.record
  }

  /** Whether some boot before this one may have left addresses that the journal does not know. */
  get mayHaveOrphans(): boolean {
    return this.#notes.current?.boot !== this.host.boot
  }

  /** Whether all that the journal holds was claimed under the generation that is registered. */
  get isReturned(): boolean {
    return this.#notes.current?.generation === this.generation
  }

  /** The number of the last recovery that this host knows of. */
  get lastRecovery(): number {
    return this.#notes.current?.recovery?.number ?? 0
  }

  /**
   * Writes this host's record, however it stood. Nothing that an earlier instance sent commits afterwards.
   *
   * @throws {Barred}
   */
  async register(): Promise<Admitted> {
    return await this.#queue.run('record', async () => {
      this.place.lapse()
      for (;;) {
        const found = await this.#observeAnew()
        const standing = standingOf(this.#notes.current, found)
        if (standing.is === 'barred') {
          await this.#tell(standing, found)
          throw new Barred(standing.reason)
        }
        const notes = this.#notes.begin(() => firstNotes(this.host, found))
        const record = recordFor(this.host, standing, notes, found.host)
        if (!(await this.#rewrite(found, record))) continue
        this.place.mend()
        await this.#notes.change(notesOf(found))
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
      if (!current || !this.place.stillHeld(current)) await this.#takeOver()
    })
  }

  /** Gives the next sign of life, if the last one is still there. @throws {Refusal} where the record is not ours any more */
  async beat(): Promise<void> {
    if (this.#notes.current?.history === LOCAL_HISTORY) return
    await this.#queue.run('record', async () => {
      const { held } = this.place
      const key = seenKey(this.host.id)
      const beat = this.#notes.known().beat + 1
      const value = write({ nonce: held.record.nonce, beat, at: Date.now(), version: VERSION })
      const result = await this.#store.commit({
        require: this.place.conditions(),
        write: [{ put: key, value }],
      })
      if (!result.committed) return void (await this.#takeOver())
      const seen = { key, value, revision: result.revision }
      this.place.hold({ ...held, entries: { ...held.entries, seen } })
      await this.#notes.change({ beat })
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
      this.place.lapse()
      const found = await this.#observeAnew()
      const { host, history } = found
      const before = this.#notes.current
      if (host) {
        if (!before) await restore()
        const first = () => ({ ...firstNotes(this.host, found), ...notesOf(found) })
        await this.#notes.change(adopted(this.#notes.begin(first), host))
      } else if (before && before.history !== history) {
        await this.#notes.change({ history: LOCAL_HISTORY })
      }
    })
  }

  /** All that the journal holds is claimed under the registered generation. */
  async noteReturned(): Promise<void> {
    await this.#notes.change({ generation: this.generation })
  }

  /** What earlier boots left is released. */
  async noteOrphansReleased(): Promise<void> {
    await this.#notes.change({ boot: this.host.boot })
  }

  /** In whatever history the store has now: nothing is sent before what was found of it is judged. */
  async #observeAnew(): Promise<Found> {
    const history = await this.#store.history()
    this.#store.follow(history)
    return await observe(this.#store, this.host.id, history)
  }

  async #takeOver(): Promise<Found & { record: HostRecord }> {
    const notes = this.#notes.known()
    if ((await this.#store.history()) !== notes.history) {
      this.place.lapse()
      throw this.place.dislodged()
    }
    const found = await observe(this.#store, this.host.id, notes.history)
    const { host, entries } = found
    const standing = standingOf(notes, found)
    const isOurs = hasItsPlace(notes, this.place.generation, found)
    if (standing.is === 'barred' || !isOurs) this.place.lapse()
    if (standing.is === 'barred') {
      await this.#tell(standing, found)
      throw new Refusal('not-ready', standing.reason)
    }
    if (!this.place.isIntact || !host || !entries.host) throw this.place.dislodged()
    this.place.hold({ history: notes.history, record: host, entries })
    const beat = found.seen?.beat ?? 0
    if (beat > notes.beat) await this.#notes.change({ beat })
    return { ...found, record: host }
  }

  /** False where it changed since it was `found`. The nonce is noted first: a write of unknown outcome is known as ours. */
  async #rewrite({ history, entries }: Found, record: Omit<HostRecord, 'nonce'>): Promise<boolean> {
    const nonce = randomUUID()
    await this.#notes.change({ nonces: [...this.#notes.known().nonces, nonce] })
    const key = hostKey(this.host.id)
    const value = write({ ...record, nonce })
    const result = await this.#store.commit({
      require: [unchanged(key, entries.host), unchanged(RECOVERY, entries.gate)],
      write: [{ put: key, value }],
    })
    if (!result.committed) return false
    const host = { key, value, revision: result.revision }
    this.place.hold({ history, record: { ...record, nonce }, entries: { ...entries, host } })
    await this.#notes.change(noncesAfter(this.#notes.known(), nonce))
    return true
  }

  async #tell({ findsSetBack }: Barring, { entries }: Found): Promise<void> {
    if (!findsSetBack) return
    await callForRecovery(this.#store, entries.gate, this.host.name, this.lastRecovery)
  }
}
