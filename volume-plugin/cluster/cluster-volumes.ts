import type { KeyedQueue } from '../../shared/keyed-queue.ts'
import { DropConnection } from '../../shared/plugin-server.ts'
import { Refusal } from '../../shared/refusal.ts'
import { isOutage, OutcomeUnknown } from '../../shared/store.ts'
import { within } from '../../shared/within.ts'
import type { VolumeName } from '../volume-name.ts'
import type { Volume, Volumes } from '../volumes.ts'
import type { Catalogue } from './catalogue.ts'
import { readClusterOptions } from './cluster-options.ts'
import type { Holding } from './holding.ts'
import type { Making } from './making.ts'
import type { Mirror } from './mirror.ts'
import { isMounted } from './mount-notes.ts'
import type { Mounting } from './mounting.ts'
import type { Parking } from './parking.ts'
import { volumeOf } from './views.ts'
import type { Known } from './views.ts'
import type { VolumeRecord } from './volume-record.ts'

/** The engine's client gives up after 30 s at worst, which is what `docker plugin enable` sets. */
const ANSWER_WITHIN_MS = 22_000
const LIST_WITHIN_MS = 2000

export type ClusterParts = Known & {
  readonly catalogue: Catalogue
  readonly mirror: Mirror
  readonly making: Making
  readonly parking: Parking
  readonly mounting: Mounting
  readonly holding: Holding
  /** One job at a time for each volume. */
  readonly queue: KeyedQueue
}

/** Volumes that are folders of the cluster file system, the same on every host. */
export class ClusterVolumes implements Volumes {
  readonly scope = 'global'
  readonly #parts: ClusterParts

  constructor(parts: ClusterParts) {
    this.#parts = parts
  }

  async create(name: VolumeName, given: Readonly<Record<string, string>>): Promise<void> {
    const options = readClusterOptions(given)
    const { making, mirror } = this.#parts
    await this.#alone(name, 'created', async () => {
      await mirror.learn(name, await making.make(name, options))
    })
  }

  async remove(name: VolumeName): Promise<void> {
    const { parking, mirror, catalogue } = this.#parts
    await this.#alone(name, 'removed', async () => {
      await this.#refuseMounted(name)
      try {
        await parking.remove(name)
      } finally {
        await catalogue.find(name).then(
          async found => await mirror.learn(name, found),
          () => {},
        )
      }
    })
  }

  /** Whatever the store says: it may not have been told yet, or have had it taken from this host. */
  async #refuseMounted(name: VolumeName): Promise<void> {
    const { holding, notes } = this.#parts
    await holding.settle(name).catch(error => {
      if (!(error instanceof Refusal)) throw error
    })
    const note = notes.get(name)
    // Of one that was taken from this host an operator has said that nobody here uses it.
    if (!note || note.state === 'lost' || !isMounted(note)) return
    throw new Refusal(
      'volume-in-use',
      `The volume ${name} is mounted on this host since ${note.since}: stop the containers that use it; if docker ps --filter volume=${name} shows none: berth volume break-lock ${name}`,
    )
  }

  async mount(name: VolumeName, id: string, caller: AbortSignal): Promise<string> {
    const late = new AbortController()
    const waiting = AbortSignal.any([caller, late.signal])
    const { mounting } = this.#parts
    try {
      return await this.#alone(name, 'mounted', () => mounting.mount(name, id, waiting))
    } catch (error) {
      late.abort()
      throw error
    }
  }

  async unmount(name: VolumeName, id: string): Promise<void> {
    const { mounting } = this.#parts
    await this.#alone(name, 'unmounted', () => mounting.unmount(name, id))
  }

  async get(name: VolumeName): Promise<Volume | undefined> {
    const { mirror, catalogue } = this.#parts
    const known = mirror.get(name)
    if (isThere(known)) return volumeOf(known, this.#parts)
    try {
      const found = await catalogue.find(name)
      if (!isThere(found)) return undefined
      await mirror.learn(name, found)
      return volumeOf(found, this.#parts)
    } catch (cause) {
      throw new DropConnection(`Whether there is a volume ${name}, only etcd knows`, { cause })
    }
  }

  async list(): Promise<readonly Pick<Volume, 'name' | 'mountpoint'>[]> {
    const { mirror, mounting, catalogue } = this.#parts
    const refreshed = mirror.refresh(async () => await catalogue.list())
    if (
      (await within(
        refreshed.then(() => true),
        LIST_WITHIN_MS,
      )) === undefined
    )
      mirror.isStale = true
    return mirror
      .all()
      .filter(isThere)
      .map(({ name }) => ({ name, mountpoint: mounting.rootOf(name) }))
  }

  async #alone<T>(name: VolumeName, done: string, job: () => Promise<T>): Promise<T> {
    const answer = this.#parts.queue.run(name, job).then(value => ({ value }))
    const answered = await within(answer, ANSWER_WITHIN_MS).catch(error => {
      throw isOutage(error) ? away(name, done, error) : error
    })
    if (answered) return answered.value
    throw new Refusal(
      'deadline',
      `The volume ${name} is still being ${done}: the cluster file system or etcd is slow; try again in a while`,
    )
  }
}

function away(name: VolumeName, done: string, cause: Error): Refusal {
  const outcome = cause instanceof OutcomeUnknown ? 'whether it was is not known: ' : ''
  return new Refusal(
    'not-ready',
    `The volume ${name} cannot be ${done} now, ${outcome}${cause.message}; try again`,
    { cause },
  )
}

/** As the engine knows it: created, and not gone yet. */
function isThere(record: VolumeRecord | undefined): record is VolumeRecord {
  return record?.state === 'ready' || record?.state === 'removing'
}
