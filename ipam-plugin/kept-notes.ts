import { KeyedQueue } from '../shared/keyed-queue.ts'
import type { NoteBook, Notes } from './notes.ts'

/** The notes as they stand in the book, kept at hand. */
export class KeptNotes {
  readonly #book: NoteBook
  readonly #queue = new KeyedQueue()
  #notes: Notes | undefined

  private constructor(book: NoteBook, notes: Notes | undefined) {
    this.#book = book
    this.#notes = notes
  }

  static async open(book: NoteBook): Promise<KeptNotes> {
    return new KeptNotes(book, await book.read())
  }

  /** Undefined: this host never registered, or lost its notes. */
  get current(): Notes | undefined {
    return this.#notes
  }

  /** @throws {Error} where there are none */
  known(): Notes {
    if (this.#notes) return this.#notes
    throw new Error('Nothing was noted before the host registered')
  }

  /** Where there are none yet, these are the first; they are written with the first change. */
  begin(first: () => Notes): Notes {
    return (this.#notes ??= first())
  }

  /** One change after the other: each goes on from what the one before has written. */
  async change(change: Partial<Notes>): Promise<void> {
    await this.#queue.run('', async () => {
      const notes = { ...this.known(), ...change }
      await this.#book.write(notes)
      this.#notes = notes
    })
  }
}
