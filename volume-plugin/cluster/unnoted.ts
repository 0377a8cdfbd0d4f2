import type { Host } from '../../shared/host.ts'
import { Refusal } from '../../shared/refusal.ts'
import { isOutage } from '../../shared/store.ts'
import type { VolumeName } from '../volume-name.ts'
import type { Catalogue } from './catalogue.ts'
import type { Mirror } from './mirror.ts'
import type { MountNotes } from './mount-notes.ts'
import type { Registration } from './registration.ts'
import { leave } from './volume-changes.ts'
import type { VolumeRecord } from './volume-record.ts'

export type UnnotedParts = {
  readonly host: Host
  readonly catalogue: Catalogue
  readonly registration: Registration
  readonly mirror: Mirror
  readonly notes: MountNotes
}

/** Stands for all of the engine's ids that were noted. */
const BEFORE_THE_LOSS = 'mounted before the notes of this host were lost'

/** Volumes that the store says this host has mounted, and of which no note of this host tells. */
export class Unnoted {
  readonly #parts: UnnotedParts

  constructor(parts: UnnotedParts) {
    this.#parts = parts
  }

  /** A note of an earlier volume of that name tells nothing of this one. */
  has({ id, name, users }: VolumeRecord): boolean {
    const { host, notes } = this.#parts
    const [user, note] = [users[host.id], notes.get(name)]
    if (!user || note?.op !== user.op) return user !== undefined
    return note.volume !== undefined && note.volume !== id
  }

  /**
   * No container has it any more: it is of an earlier boot, or of a store that was set back. But where this host's notes of
   * this boot were lost, containers may have it: then it counts until the next boot, or an operator's word.
   */
  async settle(name: VolumeName): Promise<void> {
    const { host, catalogue, mirror, notes, registration } = this.#parts
    const record = mirror.get(name)
    const user = record?.users[host.id]
    if (!record || !user || !this.has(record)) return
    const { op, since } = user
    if (user.boot !== host.boot || registration.isWhole) {
      await mirror.learn(name, await catalogue.change(name, found => leave(found, host.id, op)))
    } else if (!notes.get(name)) {
      const ids = { [BEFORE_THE_LOSS]: 1 }
      await notes.put(name, { volume: record.id, op, since, state: 'taken', ids })
    }
  }

  /** What notes that were lost would tell is noted before anything is built on them. */
  async remember(name: VolumeName): Promise<void> {
    const { registration, notes, mirror, catalogue } = this.#parts
    if (registration.isWhole || notes.get(name)) return
    try {
      await mirror.learn(name, await catalogue.find(name))
      await this.settle(name)
    } catch (error) {
      // Whoever asks for the volume is told the same, if it stands in the way.
      if (!isOutage(error) && !(error instanceof Refusal)) throw error
    }
  }
}
