import { randomUUID } from 'node:crypto'
import { entriesBelow } from '../../shared/pages.ts'
import { Refusal } from '../../shared/refusal.ts'
import { StoreUnavailable, unchanged } from '../../shared/store.ts'
import type { Store } from '../../shared/store.ts'
import type { VolumeName } from '../volume-name.ts'
import type { ClusterId } from './cluster-files.ts'
import { CLUSTER, PARKED, parkedKey, volumeHostKey, volumeKey, VOLUMES } from './cluster-keys.ts'
import { readCluster, readHost, readParked, readVolume, write } from './cluster-records.ts'
import { Decoded } from './decoded.ts'
import { FencedCommits } from './fenced-commits.ts'
import type { Plan } from './fenced-commits.ts'
import type { Registration } from './registration.ts'
import { nothing, planned, plannedParked } from './volume-plans.ts'
import type {
  Broken,
  Change,
  ParkedChange,
  ParkedRecord,
  VolumeId,
  VolumeRecord,
} from './volume-record.ts'

/** Why a record cannot be read, and its key. */
type Told = (why: string, key: string) => void

/** All volumes, but for those whose records this version cannot read. */
export type VolumeList = {
  readonly volumes: readonly VolumeRecord[]
  readonly unreadable: readonly VolumeName[]
}

/**
 * The records of volumes in the store. What is read is refused as an outage while it may be of another store than this host
 * registered with; every change is one transaction under this host's fence.
 */
export class Catalogue {
  readonly #store: Store
  readonly #registration: Registration
  readonly #commits: FencedCommits
  readonly #volumes = new Decoded(entry => readVolume(entry))
  readonly #removed = new Decoded(entry => readParked(entry))

  constructor(store: Store, registration: Registration) {
    this.#store = store
    this.#registration = registration
    this.#commits = new FencedCommits(store, registration)
  }

  /** @throws {StoreUnavailable} */
  async find(name: VolumeName): Promise<VolumeRecord | undefined> {
    return await this.#trusted(async () => readVolume(await this.#store.get(volumeKey(name))))
  }

  /**
   * All that can be read: one that a later version wrote does not hide the others, and `find` throws for it.
   *
   * @param told of each that cannot
   * @throws {StoreUnavailable}
   */
  async list(told: Told = () => {}): Promise<VolumeList> {
    const unreadable: VolumeName[] = []
    const note: Told = (why, key) => {
      unreadable.push(key.slice(VOLUMES.length) as VolumeName)
      told(why, key)
    }
    const entries = entriesBelow(this.#store, VOLUMES)
    const volumes = await this.#trusted(() => this.#volumes.all(entries, note))
    return { volumes, unreadable }
  }

  /** As `list`. @throws {StoreUnavailable} */
  async listParked(told: Told = () => {}): Promise<readonly ParkedRecord[]> {
    return await this.#trusted(() => this.#removed.all(entriesBelow(this.#store, PARKED), told))
  }

  /**
   * Changes the record as `decide` says. A new volume at a place that somebody chose needs it to itself: none is
   * above or below it.
   *
   * @param decide from the record alone; called anew with what another host made of it meanwhile
   * @param signal ends the waiting while other hosts win
   * @returns the record as it is afterwards
   * @throws {Refusal} what `decide` throws; `volume-exists` for a place that overlaps with another
   * @throws {StoreUnavailable} nothing was written
   * @throws {OutcomeUnknown} it may have been written; what this host changes later finds out
   */
  async change(
    name: VolumeName,
    decide: (found: VolumeRecord | undefined) => Change,
    signal?: AbortSignal,
  ): Promise<VolumeRecord | undefined> {
    return await this.#commits.commit(async read => {
      const entry = await read(volumeKey(name))
      const found = readVolume(entry)
      return await planned(this.#store, { entry, found, read }, name, decide(found))
    }, signal)
  }

  /**
   * As `change`, of a removed volume.
   *
   * @throws {Refusal} `volume-exists` where it is to be restored and its name is another's by now
   */
  async changeParked(
    id: VolumeId,
    decide: (found: ParkedRecord | undefined) => ParkedChange,
  ): Promise<ParkedRecord | undefined> {
    return await this.#commits.commit(async read => {
      const entry = await read(parkedKey(id))
      const found = readParked(entry)
      return await plannedParked({ entry, found, read }, id, decide(found))
    })
  }

  /**
   * An operator's word: the host has the volume no more, and nothing that it sent before commits afterwards; it finds out at
   * its next transaction.
   *
   * @param since of the taking that is meant
   * @returns the record as it is afterwards
   * @throws {Refusal} `unknown-volume`; `unknown-host` where that host does not have it mounted, or has it anew
   */
  async takeFrom(
    name: VolumeName,
    hostId: string,
    broken: Broken,
    since: string,
  ): Promise<VolumeRecord> {
    return await this.#commits.commit(async read => {
      const entry = await read(volumeKey(name))
      const found = readVolume(entry)
      if (!found) throw new Refusal('unknown-volume', `There is no volume ${name}`)
      // An earlier attempt, whose answer was lost.
      if (isSameBreak(found.broken, broken)) return nothing(found)
      const { [hostId]: user, ...users } = found.users
      if (user?.since !== since) {
        const how = user
          ? `has the volume ${name} since ${user.since}`
          : `does not have ${name} mounted`
        const why = `Host ${broken.name} ${how} by now; see berth volume inspect ${name}`
        throw new Refusal('unknown-host', why)
      }
      const hostEntry = await read(volumeHostKey(hostId))
      const host = readHost(hostEntry)
      const record = { ...found, users, broken }
      const raised = host && { ...host, generation: host.generation + 1 }
      return {
        require: [unchanged(volumeKey(name), entry), unchanged(volumeHostKey(hostId), hostEntry)],
        write: [
          { put: volumeKey(name), value: write(record) },
          ...(raised ? [{ put: volumeHostKey(hostId), value: write(raised) }] : []),
        ],
        result: record,
      }
    })
  }

  /** The file system that the volumes are on; undefined where none was initialised. @throws {StoreUnavailable} */
  async cluster(): Promise<ClusterId | undefined> {
    const found = await this.#trusted(async () => readCluster(await this.#store.get(CLUSTER)))
    if (found) await this.#registration.noteCluster(found.id)
    return found?.id
  }

  /** Makes it this one, unless there is one. @returns the one that there is then */
  async initCluster(id: ClusterId): Promise<ClusterId> {
    const there = await this.#commits.commit(async (read): Promise<Plan<ClusterId>> => {
      const found = readCluster(await read(CLUSTER))
      if (found) return nothing(found.id)
      const value = write({ id, paths: randomUUID() })
      return {
        require: [unchanged(CLUSTER, undefined)],
        write: [{ put: CLUSTER, value }],
        result: id,
      }
    })
    await this.#registration.noteCluster(there)
    return there
  }

  /** @throws {StoreUnavailable} where it may be of another store than this host registered with */
  async #trusted<T>(read: () => Promise<T>): Promise<T> {
    this.#registration.requireTrust()
    const { epoch } = this.#registration
    const found = await read()
    if (this.#registration.epoch === epoch) return found
    throw new StoreUnavailable('The store was replaced while it was read; try again')
  }
}

const isSameBreak = (a: Broken | undefined, b: Broken): boolean =>
  a?.host === b.host && a.at === b.at
