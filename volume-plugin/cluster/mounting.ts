import { Refusal } from '../../shared/refusal.ts'
import { volumeName } from '../volume-name.ts'
import type { VolumeName } from '../volume-name.ts'
import type { Binds, ClusterFiles } from './cluster-files.ts'
import type { Holding } from './holding.ts'
import { counted, discounted, isMounted } from './mount-notes.ts'
import type { MountNotes } from './mount-notes.ts'
import { mountPath, nameOfMount } from './mount-path.ts'
import { logPlace, volumePlace } from './place.ts'
import type { Place } from './place.ts'
import type { VolumeRecord } from './volume-record.ts'

export type MountingParts = {
  readonly files: ClusterFiles
  readonly binds: Binds
  readonly holding: Holding
  readonly notes: MountNotes
  /** @throws {Refusal} `not-ready` while nobody knows which file system is the right one */
  readonly requireCluster: () => Promise<void>
  /** Below which the engine sees what is mounted. */
  readonly mountRoot: string
  /** This host's name, or its id where that is no name for a folder. */
  readonly hostFolder: string
}

/**
 * Mounts, counted for each id, since the engine uses one id several times (`docker cp` has that of the container). Nothing
 * tells whether a container still uses a volume whose Unmount the engine never sent: such a count ends with the boot, or by
 * an operator's word. One call at a time for each volume.
 */
export class Mounting {
  readonly #parts: MountingParts
  readonly #bound = new Set<VolumeName>()

  constructor(parts: MountingParts) {
    this.#parts = parts
  }

  /** What an earlier process left mounted; what nobody counted by then is detached. */
  async begin(): Promise<void> {
    const { binds, notes, mountRoot } = this.#parts
    for (const at of await binds.mounted()) {
      const name = volumeName(nameOfMount(mountRoot, at) ?? '')
      if (name === undefined) continue
      if (notes.get(name)) this.#bound.add(name)
      // Where it stays, it is in nobody's way: the next mount detaches it again.
      else await this.detach(name).catch(() => {})
    }
  }

  /** What is mounted as far as this process knows. */
  bound(): readonly VolumeName[] {
    return [...this.#bound]
  }

  /** The volume's root, where it is mounted as far as this process knows. */
  rootOf(name: VolumeName): string | undefined {
    return this.#bound.has(name) ? this.#at(name) : undefined
  }

  /** @throws {Refusal} `cluster-away`, `held-elsewhere`, `unknown-volume`; `caller-gone`, then nothing is counted */
  async mount(name: VolumeName, id: string, caller: AbortSignal): Promise<string> {
    const { holding, notes } = this.#parts
    const { record, note } = await holding.take(name)
    try {
      await this.#bind(record)
      if (caller.aborted) throw gone()
      await notes.put(name, counted(note, id))
    } catch (error) {
      if (!isMounted(note)) await this.#letGo(name)
      throw error
    }
    if (!caller.aborted) return this.#at(name)
    await this.unmount(name, id)
    throw gone()
  }

  async unmount(name: VolumeName, id: string): Promise<void> {
    const { notes } = this.#parts
    const note = notes.get(name)
    if (!note || !Object.hasOwn(note.ids, id)) return
    if (!isMounted(await notes.put(name, discounted(note, id)))) await this.#letGo(name)
  }

  /** Containers keep what they have; nothing new gets it. */
  async detach(name: VolumeName): Promise<void> {
    await this.#parts.binds.detach(this.#at(name))
    this.#bound.delete(name)
  }

  async #letGo(name: VolumeName): Promise<void> {
    try {
      await this.detach(name)
    } finally {
      await this.#parts.holding.release(name)
    }
  }

  async #bind(record: VolumeRecord): Promise<void> {
    const { files, notes, requireCluster } = this.#parts
    await requireCluster()
    const place = this.placeOf(record)
    // Nobody knows whether the volume is still there: what is made for one that is not would be in its way.
    const isTold = notes.get(record.name)?.state !== 'untold'
    const isForLogs = record.options.app !== undefined
    if (isForLogs && isTold) await this.#makeLogs(place, record)
    try {
      await files.bind(place, this.#at(record.name))
    } catch (error) {
      throw isTold ? error : goneSince(error, isForLogs)
    }
    this.#bound.add(record.name)
  }

  /** Each host's folder is made when it is first mounted there; one that has logs is left as it is. */
  async #makeLogs(place: Place, { options }: VolumeRecord): Promise<void> {
    try {
      await this.#parts.files.make(place, options)
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'volume-exists') throw error
    }
  }

  placeOf(record: VolumeRecord): Place {
    const { name, options } = record
    if (options.path) return options.path
    if (options.app !== undefined) return logPlace(options.app, this.#parts.hostFolder, name)
    return volumePlace(record)
  }

  #at(name: VolumeName): string {
    return mountPath(this.#parts.mountRoot, name)
  }
}

/** Of what this host knew while nobody could tell it better. */
function goneSince(error: unknown, isForLogs: boolean): unknown {
  if (!(error instanceof Refusal) || error.code !== 'not-mounted') return error
  const why = isForLogs
    ? 'Where this host has no folder for its logs yet, none is made while etcd does not answer'
    : 'While etcd does not answer, this host knows nothing of a volume that was removed or brought back meanwhile'
  return new Refusal(error.code, `${why}. ${error.message}`)
}

const gone = (): Refusal =>
  new Refusal('caller-gone', 'Nobody waits for the answer any more: nothing is mounted')
