import { randomUUID } from 'node:crypto'
import type { ClusterBook, HostNotes } from './cluster-book.ts'
import type { HostRecord } from './cluster-records.ts'

/** How many nonces that stood in the record before are remembered. */
const FORMER = 20

/** What this host noted of its record in the store, kept at hand. */
export class HostMemory {
  readonly #book: Pick<ClusterBook, 'putNotes'>
  #notes: HostNotes | undefined
  #cluster: string | undefined
  /** Noted, sent, and not known to have arrived. */
  #pending: string | undefined

  constructor(book: Pick<ClusterBook, 'putNotes'>, notes: HostNotes | undefined) {
    this.#book = book
    this.#notes = notes
    this.#cluster = notes?.cluster
  }

  /** Undefined: this host never registered, or lost its notes. */
  get notes(): HostNotes | undefined {
    return this.#notes
  }

  get cluster(): string | undefined {
    return this.#cluster
  }

  /** Those of the history; the first ones where there are none. Before the first registration has succeeded, the generation is 0. */
  notesOf(history: string): HostNotes {
    if (this.#notes?.history === history) return this.#notes
    const boot = this.#notes?.boot
    return { history, cluster: undefined, generation: 0, nonces: [], formerNonces: [], boot }
  }

  /** It is written with the next change. */
  see(cluster: string | undefined): void {
    this.#cluster = cluster ?? this.#cluster
  }

  async noteCluster(id: string): Promise<void> {
    this.#cluster = id
    if (this.#notes) await this.#put(this.#notes)
  }

  async noteBoot(boot: string): Promise<void> {
    if (this.#notes) await this.#put({ ...this.#notes, boot })
  }

  /**
   * The nonce for the next write of the record, noted: so that a write of unknown outcome is known as ours.
   *
   * @param notes from which this one goes on
   * @param found what stands in the record. One that may stand there already is not written twice: a store set back in
   *   between would look the same
   */
  async announce(notes: HostNotes, found: HostRecord | undefined): Promise<string> {
    if (this.#pending === found?.nonce) this.#pending = undefined
    const nonce = (this.#pending ??= randomUUID())
    await this.#put({ ...notes, nonces: [...without(notes.nonces, nonce), nonce] })
    return nonce
  }

  /** What was sent with another nonce has failed by now, or was overwritten. */
  async written(notes: HostNotes, { nonce, generation }: HostRecord): Promise<void> {
    this.#pending = undefined
    const former = [...notes.formerNonces, ...without(notes.nonces, nonce)]
    await this.#put({ ...notes, generation, nonces: [nonce], formerNonces: former.slice(-FORMER) })
  }

  async #put(notes: HostNotes): Promise<void> {
    const noted = { ...notes, cluster: this.#cluster }
    await this.#book.putNotes(noted)
    this.#notes = noted
  }
}

const without = (nonces: readonly string[], nonce: string) => nonces.filter(one => one !== nonce)
