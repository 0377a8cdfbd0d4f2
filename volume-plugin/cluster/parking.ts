import { randomBytes } from 'node:crypto'
import type { Host } from '../../shared/host.ts'
import { Refusal } from '../../shared/refusal.ts'
import type { VolumeName } from '../volume-name.ts'
import type { Catalogue } from './catalogue.ts'
import type { ClusterFiles } from './cluster-files.ts'
import { LOGS, logPlace, parkedPlace, pathOf, volumePlace } from './place.ts'
import type { Place } from './place.ts'
import {
  beginDestroying,
  beginRemoving,
  beginRestoring,
  finishRemoving,
  finishRestoring,
  giveUpRemoving,
  giveUpRestoring,
} from './volume-changes.ts'
import type { ParkedRecord, RemovalId, VolumeRecord } from './volume-record.ts'

/**
 * Puts the folders of removed volumes aside, back, and away. A folder that an operator named by `path` stays where it
 * is. Each step may be taken again, by any host.
 */
export class Parking {
  readonly #catalogue: Catalogue
  readonly #files: ClusterFiles
  readonly #host: Host
  readonly #retainMs: number
  readonly #requireCluster: () => Promise<void>

  /** @param requireCluster throws a Refusal while nobody knows which file system is the right one */
  constructor(
    catalogue: Catalogue,
    files: ClusterFiles,
    host: Host,
    retainMs: number,
    requireCluster: () => Promise<void>,
  ) {
    this.#catalogue = catalogue
    this.#files = files
    this.#host = host
    this.#retainMs = retainMs
    this.#requireCluster = requireCluster
  }

  /** @throws {Refusal} `volume-in-use` with the hosts that have it mounted */
  async remove(name: VolumeName): Promise<void> {
    await this.#requireCluster()
    await this.#files.check()
    const removal = randomRemoval()
    const begun = await this.#catalogue.change(name, found => beginRemoving(found, removal))
    if (begun) await this.#putAside(begun, removal)
  }

  async #putAside(volume: VolumeRecord, removal: RemovalId): Promise<void> {
    try {
      for (const { place, as } of await this.#placesOf(volume)) {
        await this.#files.move(place, [...parkedPlace(volume), as])
      }
    } catch (error) {
      if (!isAway(error) && (await this.#isWhole(volume))) await this.#keep(volume, removal)
      throw error
    }
    const record = this.#parkedRecord(volume, removal)
    await this.#catalogue.change(volume.name, found => finishRemoving(found, record))
  }

  /** Whether nothing of it was put aside, by whichever host. */
  async #isWhole(volume: VolumeRecord): Promise<boolean> {
    try {
      if ((await this.#files.folders(parkedPlace(volume))).length > 0) return false
      return volume.options.app !== undefined || (await this.#isAt(volumePlace(volume)))
    } catch {
      return false
    }
  }

  async #isAt(place: Place): Promise<boolean> {
    const there = await this.#files.folders(place.slice(0, -1))
    return there.includes(place.at(-1) ?? '')
  }

  /** It is as it was. */
  async #keep({ name }: VolumeRecord, removal: RemovalId): Promise<void> {
    await this.#catalogue
      .change(name, found => giveUpRemoving(found, removal))
      .catch(() => undefined)
  }

  #parkedRecord(volume: VolumeRecord, removal: RemovalId): ParkedRecord {
    const keepMs = volume.options.retainMs ?? this.#retainMs
    const since = new Date().toISOString()
    return { volume, removal, state: 'parked', since, by: this.#host.name, keepMs }
  }

  /** @throws {Refusal} `volume-exists` where another volume has the name by now, or it is being destroyed */
  async restore({ volume: { id, name } }: ParkedRecord): Promise<void> {
    await this.#requireCluster()
    await this.#files.check()
    await this.#catalogue.changeParked(id, found => beginRestoring(found, name))
    const begun = await this.#catalogue.find(name)
    if (begun?.state === 'restoring' && begun.id === id) await this.finishRestoring(begun)
  }

  async finishRestoring(volume: VolumeRecord): Promise<void> {
    const before = { ...volume, restored: volume.restored - 1 }
    const parked = parkedPlace(before)
    const { app } = volume.options
    if (app === undefined) await this.#putBack(volume, before)
    else {
      for (const host of await this.#files.folders(parked)) {
        await this.#files.move([...parked, host], logPlace(app, host, volume.name))
      }
    }
    await this.#catalogue.change(volume.name, found => finishRestoring(found, volume))
  }

  /** Some file systems show only after a second what another host has renamed. */
  async #putBack(volume: VolumeRecord, before: VolumeRecord): Promise<void> {
    const [from, to] = [[...parkedPlace(before), 'data'], volumePlace(volume)]
    if ((await this.#files.move(from, to)) === 'moved' || (await this.#isAt(to))) return
    const parked = this.#parkedRecord(before, randomRemoval())
    await this.#catalogue.change(volume.name, found => giveUpRestoring(found, parked))
    throw new Refusal(
      'not-mounted',
      `The volume ${volume.name} stays removed: there is neither a folder ${pathOf(from)} nor ${pathOf(to)} on the cluster file system. Try again in a few seconds; if that does not help, somebody has moved or destroyed it by hand`,
    )
  }

  /** From here on nothing brings it back. @returns false where another host has begun before */
  async beginDestroying(parked: ParkedRecord): Promise<boolean> {
    let isFirst = false
    await this.#catalogue.changeParked(parked.volume.id, found => {
      const change = beginDestroying(found, parked)
      isFirst = change.do === 'put'
      return change
    })
    return isFirst
  }

  /** @returns whether it is gone; else there is more to be done */
  async destroy(volume: VolumeRecord): Promise<boolean> {
    const { id } = volume
    if ((await this.#files.destroy(parkedPlace(volume))) === 'more') return false
    await this.#catalogue.changeParked(id, found =>
      found?.state === 'destroying' ? { do: 'delete' } : { do: 'nothing' },
    )
    return true
  }

  /** The folders that Berth made for it, on all hosts, and how each is called while it is aside. */
  async #placesOf(volume: VolumeRecord): Promise<{ place: Place; as: string }[]> {
    const { name, options } = volume
    if (options.path) return []
    if (options.app === undefined) return [{ place: volumePlace(volume), as: 'data' }]
    const { app } = options
    const hosts = await this.#files.folders([LOGS, app])
    return hosts.map(host => ({ place: logPlace(app, host, name), as: host }))
  }
}

const randomRemoval = (): RemovalId => randomBytes(16).toString('hex') as RemovalId

/** What hung may have been done, or may still be. */
const isAway = (error: unknown): boolean =>
  error instanceof Refusal && error.code === 'cluster-away'
