import type { VolumeName } from '../volume-name.ts'
import type { ClusterBook, MountNote } from './cluster-book.ts'

/** What this host has mounted, in memory as it is in the book. */
export class MountNotes {
  readonly #book: ClusterBook
  readonly #notes: Map<VolumeName, MountNote>

  constructor(book: ClusterBook, notes: ReadonlyMap<VolumeName, MountNote>) {
    this.#book = book
    this.#notes = new Map(notes)
  }

  get(name: VolumeName): MountNote | undefined {
    return this.#notes.get(name)
  }

  names(): readonly VolumeName[] {
    return [...this.#notes.keys()]
  }

  /** In the book first. */
  async put(name: VolumeName, note: MountNote): Promise<MountNote> {
    await this.#book.putMount(name, note)
    this.#notes.set(name, note)
    return note
  }

  async remove(name: VolumeName): Promise<void> {
    await this.#book.putMount(name, undefined)
    this.#notes.delete(name)
  }
}

/** With one more mount by the engine's id. */
export function counted(note: MountNote, id: string): MountNote {
  return { ...note, ids: { ...note.ids, [id]: countOf(note, id) + 1 } }
}

/** With one less; of an id that is not there nothing changes. */
export function discounted(note: MountNote, id: string): MountNote {
  const count = countOf(note, id)
  if (count > 1) return { ...note, ids: { ...note.ids, [id]: count - 1 } }
  const { [id]: _, ...ids } = note.ids
  return { ...note, ids }
}

export const isMounted = (note: MountNote): boolean => Object.keys(note.ids).length > 0

/** The store has it, or will be told, that this host has the volume. */
export const isHeld = ({ state }: MountNote): boolean => state === 'taken' || state === 'untold'

const countOf = ({ ids }: MountNote, id: string): number =>
  Object.hasOwn(ids, id) ? (ids[id] ?? 0) : 0
