import { randomUUID } from 'node:crypto'
import type { Host } from '../../shared/host.ts'
import { Refusal } from '../../shared/refusal.ts'
import { isOutage, OutcomeUnknown } from '../../shared/store.ts'
import type { VolumeName } from '../volume-name.ts'
import type { Catalogue } from './catalogue.ts'
import type { MountNote } from './cluster-book.ts'
import type { Mirror } from './mirror.ts'
import { isHeld, isMounted } from './mount-notes.ts'
import type { MountNotes } from './mount-notes.ts'
import type { Registration } from './registration.ts'
import type { Unnoted } from './unnoted.ts'
import { join, leave, requireReady } from './volume-changes.ts'
import type { VolumeId, VolumeRecord } from './volume-record.ts'

export type HoldingParts = {
  readonly host: Host
  readonly catalogue: Catalogue
  readonly registration: Registration
  readonly mirror: Mirror
  readonly notes: MountNotes
  readonly unnoted: Unnoted
  /** Told of a volume that was taken from this host while it has it mounted. */
  readonly lost: (name: VolumeName, why: string) => void
}

type Taken = { readonly record: VolumeRecord; readonly note: MountNote }

/** Which volumes this host has mounted, as the store is told: all other hosts see it there. One call at a time for each volume. */
export class Holding {
  readonly #parts: HoldingParts

  constructor(parts: HoldingParts) {
    this.#parts = parts
  }

  /**
   * The store has it that this host has the volume, or, of a shared volume while the store is away, is told later.
   *
   * @throws {Refusal} `unknown-volume`, `held-elsewhere`, `not-ready`
   */
  async take(name: VolumeName): Promise<Taken> {
    const { notes, mirror } = this.#parts
    await this.#parts.unnoted.remember(name)
    const before = notes.get(name)
    const known = mirror.get(name)
    if (before && isHeld(before) && known && known.id === before.volume) {
      const record = await this.#stillHeld(name, before, known)
      if (record) return { record, note: before }
    }
    return await this.#takeAnew(name)
  }

  /** Nobody here has it any more: the store is told now, or as soon as it is back. */
  async release(name: VolumeName): Promise<void> {
    const { notes } = this.#parts
    const note = notes.get(name)
    if (!note) return
    if (note.state === 'lost') return await notes.remove(name)
    await notes.put(name, { ...note, state: 'leaving' })
    await this.settle(name).catch(error => {
      if (!isOutage(error) && !(error instanceof Refusal)) throw error
    })
  }

  /**
   * Tells the store what it was not told, and finds what was taken from this host.
   *
   * @throws {StoreUnavailable | OutcomeUnknown | Refusal} where the store cannot be told yet
   */
  async settle(name: VolumeName): Promise<void> {
    const note = this.#parts.notes.get(name)
    if (!note) return
    switch (note.state) {
      case 'leaving':
        return await this.#leave(name, note)
      // What is mounted was taken before, and is being taken once more.
      case 'taking':
      case 'untold':
        return await (isMounted(note) ? this.#tell(name, note) : this.#leave(name, note))
      case 'taken':
        // Not mounted: killed before that was counted.
        return await (isMounted(note) ? this.#confirm(name, note) : this.#leave(name, note))
      case 'lost':
        return await (isMounted(note) ? this.#regain(name, note) : this.#parts.notes.remove(name))
      default:
        return note.state satisfies never
    }
  }

  /** The store may have forgotten what this host has: it is told as if it had never been. */
  async tellAnew(name: VolumeName): Promise<void> {
    const { notes } = this.#parts
    const note = notes.get(name)
    if (note?.state === 'taken' && isMounted(note))
      await notes.put(name, { ...note, state: 'untold' })
  }

  async #takeAnew(name: VolumeName): Promise<Taken> {
    const { notes, mirror } = this.#parts
    const known = mirror.get(name)
    const before = notes.get(name)
    // Of what was taken from this host, an operator has said that nobody here uses it: it is counted anew.
    const counted = before?.state === 'lost' ? undefined : before
    const { volume = known?.id, ids = {} } = counted ?? {}
    // One for all attempts: of which the store has one, nobody may know yet.
    const op = counted?.op ?? randomUUID()
    const since = new Date().toISOString()
    const taking = await notes.put(name, { volume, op, since, state: 'taking', ids })
    const of = (id: VolumeId) => {
      if (id !== volume && isMounted(taking)) this.#parts.lost(name, isAnother(name).message)
      return { ...taking, volume: id, ids: id === volume ? ids : {} }
    }
    try {
      const record = await this.#join(name, taking)
      const note = { ...of(record.id), state: 'taken', broken: record.broken?.at } as const
      return { record, note: await notes.put(name, note) }
    } catch (error) {
      if (known && isShared(known) && this.#isAway(error)) {
        const note = await notes.put(name, { ...of(known.id), state: 'untold' })
        return { record: known, note }
      }
      // Of an unknown outcome nobody knows whether it was taken: it is settled later.
      if (!(error instanceof OutcomeUnknown)) await this.#putBack(name, before, error)
      throw isOutage(error) ? away(name, error) : error
    }
  }

  /** The store was not asked, or gave no answer. */
  #isAway(error: unknown): boolean {
    return isOutage(error) || !this.#parts.registration.isRegistered
  }

  /** Nothing was taken. */
  async #putBack(name: VolumeName, before: MountNote | undefined, why: unknown): Promise<void> {
    const { notes } = this.#parts
    const isRefused = before?.state === 'taking' && !isMounted(before) && isLoss(why)
    if (!before || isRefused) return await notes.remove(name)
    await notes.put(name, before)
    if (isHeld(before) && isLoss(why)) await this.#lose(name, before, why.message)
  }

  /** While the store is away, what this host has it keeps. */
  async #stillHeld(name: VolumeName, note: MountNote, known: VolumeRecord) {
    const { catalogue, host, mirror } = this.#parts
    if (known.options.access === 'shared' || note.state === 'untold') return known
    try {
      const found = await catalogue.find(name)
      await mirror.learn(name, found)
      return found?.users[host.id]?.op === note.op ? found : undefined
    } catch (error) {
      if (isOutage(error)) return known
      throw error
    }
  }

  async #leave(name: VolumeName, note: MountNote): Promise<void> {
    const { host, notes } = this.#parts
    await this.#change(name, found => leave(found, host.id, note.op))
    await notes.remove(name)
  }

  async #tell(name: VolumeName, note: MountNote): Promise<void> {
    try {
      await this.#join(name, note, note.volume)
      await this.#parts.notes.put(name, { ...note, state: 'taken' })
    } catch (error) {
      if (!isLoss(error)) throw error
      // What is lost already nobody needs to be told again.
      if (note.state !== 'lost') await this.#lose(name, note, error.message)
    }
  }

  /** Nobody else has it by now, and no operator took it from this host: what is mounted here is told again. */
  async #regain(name: VolumeName, note: MountNote): Promise<void> {
    const isThere = this.#parts.mirror.get(name)?.id === note.volume
    if (isThere && !note.isForfeited) await this.#tell(name, note)
  }

  /** What the mirror says is confirmed by the store, before anybody is frightened. */
  async #confirm(name: VolumeName, note: MountNote): Promise<void> {
    const { mirror, host, catalogue } = this.#parts
    const isMine = (record: VolumeRecord | undefined) => record?.users[host.id]?.op === note.op
    if (isMine(mirror.get(name))) return
    const found = await catalogue.find(name)
    await mirror.learn(name, found)
    if (isMine(found)) return
    await this.#lose(name, note, lossOf(found))
  }

  async #lose(name: VolumeName, note: MountNote, why: string): Promise<void> {
    const { notes, mirror, host, lost } = this.#parts
    const broken = mirror.get(name)?.broken
    const isForfeited = broken?.host === host.id && broken.at !== note.broken
    await notes.put(name, { ...note, state: 'lost', isForfeited })
    lost(name, why)
  }

  /** @param only of all that may have had the name */
  async #join(name: VolumeName, { op, since }: MountNote, only?: VolumeId): Promise<VolumeRecord> {
    const { host, registration } = this.#parts
    const record = await this.#change(name, found => {
      if (only !== undefined && found && found.id !== only) throw isAnother(name)
      const { generation } = registration
      const user = { name: host.name, op, generation, boot: host.boot, since }
      return join(found, name, host.id, user)
    })
    return requireReady(record, name)
  }

  async #change(name: VolumeName, decide: Parameters<Catalogue['change']>[1]) {
    const { catalogue, mirror } = this.#parts
    const record = await catalogue.change(name, decide)
    await mirror.learn(name, record)
    return record
  }
}

const isShared = ({ state, options }: VolumeRecord): boolean =>
  state === 'ready' && options.access === 'shared'

/** The store says that this host cannot have it. */
const isLoss = (error: unknown): error is Refusal =>
  error instanceof Refusal && (error.code === 'unknown-volume' || error.code === 'held-elsewhere')

const isAnother = (name: VolumeName): Refusal =>
  new Refusal('unknown-volume', `The volume ${name} was removed; another has its name by now`)

function lossOf(found: VolumeRecord | undefined): string {
  if (!found) return 'it was removed'
  const { broken } = found
  return broken
    ? `it was taken from host ${broken.name} at ${broken.at}`
    : 'the store has it no more'
}

function away(name: VolumeName, cause: Error): Refusal {
  return new Refusal(
    'not-ready',
    `The volume ${name} cannot be mounted while etcd is away (${cause.message}): whether another host has it, only etcd knows`,
    { cause },
  )
}
