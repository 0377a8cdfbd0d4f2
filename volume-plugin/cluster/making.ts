import { randomBytes } from 'node:crypto'
import type { Host } from '../../shared/host.ts'
import { Refusal } from '../../shared/refusal.ts'
import type { VolumeName } from '../volume-name.ts'
import type { Catalogue } from './catalogue.ts'
import type { ClusterFiles } from './cluster-files.ts'
import type { ClusterOptions } from './cluster-options.ts'
import { pathOf, volumePlace } from './place.ts'
import type { Place } from './place.ts'
import { beginMaking, finishMaking, giveUpMaking } from './volume-changes.ts'
import type { VolumeId, VolumeRecord } from './volume-record.ts'

/** Creates volumes: the record first, which decides between hosts, then the folder, then the record is ready. */
export class Making {
  readonly #catalogue: Catalogue
  readonly #files: ClusterFiles
  readonly #host: Host
  readonly #requireCluster: () => Promise<void>

  /** @param requireCluster throws a Refusal while nobody knows which file system is the right one */
  constructor(
    catalogue: Catalogue,
    files: ClusterFiles,
    host: Host,
    requireCluster: () => Promise<void>,
  ) {
    this.#catalogue = catalogue
    this.#files = files
    this.#host = host
    this.#requireCluster = requireCluster
  }

  /** @throws {Refusal} `volume-exists`, `cluster-away`, `not-mounted` where there is no folder at `path` */
  async make(name: VolumeName, options: ClusterOptions): Promise<VolumeRecord | undefined> {
    const wanted = newRecord(name, options, this.#host)
    await this.#requireCluster()
    await this.#files.check()
    if (options.path) await this.#requireFolder(options.path)
    const begun =
      (await this.#catalogue.change(name, found => beginMaking(found, wanted))) ?? wanted
    if (begun.state === 'ready') return begun
    try {
      if (!options.path && options.app === undefined) {
        await this.#files.make(volumePlace(begun), options)
      }
    } catch (error) {
      if (begun.id === wanted.id) await this.#giveUp(begun)
      throw error
    }
    return await this.#catalogue.change(name, found => finishMaking(found, begun))
  }

  /** Where even that fails, whoever creates it again goes on. */
  async #giveUp(begun: VolumeRecord): Promise<void> {
    const { name } = begun
    await this.#catalogue.change(name, found => giveUpMaking(found, begun)).catch(() => undefined)
  }

  async #requireFolder(path: Place): Promise<void> {
    const [last = '', above] = [path.at(-1), path.slice(0, -1)]
    if ((await this.#files.folders(above)).includes(last)) return
    throw new Refusal(
      'not-mounted',
      `There is no folder ${pathOf(path)} on the cluster file system: make it first, or leave path out, and Berth makes one`,
    )
  }
}

function newRecord(name: VolumeName, options: ClusterOptions, host: Host): VolumeRecord {
  return {
    id: randomBytes(16).toString('hex') as VolumeId,
    name,
    options,
    created: new Date().toISOString(),
    createdBy: host.name,
    state: 'making',
    removal: undefined,
    restored: 0,
    users: {},
    broken: undefined,
  }
}
