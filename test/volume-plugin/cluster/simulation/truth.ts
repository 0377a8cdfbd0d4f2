import { overlap } from '../../../../volume-plugin/cluster/place.ts'
import { readParked, readVolume } from '../../../../volume-plugin/cluster/cluster-records.ts'
import { PARKED, VOLUMES } from '../../../../volume-plugin/cluster/cluster-keys.ts'
import { volumePlace } from '../../../../volume-plugin/cluster/place.ts'
import type { Place } from '../../../../volume-plugin/cluster/place.ts'
import type { VolumeRecord } from '../../../../volume-plugin/cluster/volume-record.ts'
import { endOf } from '../../../../shared/store.ts'
import type { Entry } from '../../../../shared/store.ts'
import type { MemoryStore } from '../../../simulation/memory-store.ts'
import type { Container } from './containers.ts'
import type { Folder, FolderTree } from './folder-tree.ts'

/**
 * What is so, whatever the plugins believe: which folder belongs to which volume, what was written into it, who has it
 * mounted. Each change of the store and of the file system is judged in the moment in which it happens.
 */
export class Truth {
  readonly containers = new Set<Container>()
  readonly #store: MemoryStore
  readonly #tree: FolderTree
  readonly #fault: (what: string) => void
  /** The folder of each volume; of volumes for logs, one for each host. */
  readonly #folders = new Map<string, Folder>()
  readonly #written = new Map<Folder, Set<string>>()
  /** Takings that an operator ended. */
  readonly #broken = new Set<string>()
  #marks = 0

  constructor(store: MemoryStore, tree: FolderTree, fault: (what: string) => void) {
    this.#store = store
    this.#tree = tree
    this.#fault = fault
    tree.onDestroy = (place, folder) => this.#onDestroy(place, folder)
  }

  /** A folder that is there before Berth comes. */
  existing(place: Place): void {
    this.#write(this.#tree.reach(place))
  }

  record(name: string): VolumeRecord | undefined {
    return readVolume(this.#store.get(VOLUMES + name))
  }

  records(): VolumeRecord[] {
    return this.#list(VOLUMES).map(entry => readVolume(entry))
  }

  parked() {
    return this.#list(PARKED).map(entry => readParked(entry))
  }

  wasBroken(op: string): boolean {
    return this.#broken.has(op)
  }

  /** Of containers of `host`; the record's users are named by ids. */
  hostOf(id: string): string {
    return id.replace(/^id-/, '')
  }

  /** Somebody has the volume from now on. @param isTold as the plugin noted it */
  begin(found: Omit<Container, 'isForfeited'>): Container {
    const { host, name, volume, op, isTold } = found
    const container = { ...found, isForfeited: this.#broken.has(op) }
    const what = `${name} on ${host} (${found.id})`
    const record = this.record(name)
    if (isTold && !container.isForfeited) {
      if (record?.id !== volume) this.#fault(`${what} is mounted, and its volume is gone`)
      else if (!record?.users[`id-${host}`])
        this.#fault(`${what} is mounted, and the store does not know`)
    }
    if (!isTold && record?.options.access === 'exclusive')
      this.#fault(`${what} is exclusive, and mounted while the store does not know`)
    this.#requireFolder(container, what)
    if (record?.options.access === 'exclusive' && !container.isForfeited)
      this.#requireAlone(container)
    this.containers.add(container)
    this.#write(container.folder)
    return container
  }

  /** All that was ever written is in the folder. */
  isWhole(folder: Folder): boolean {
    return [...(this.#written.get(folder) ?? [])].every(mark => folder.files.has(mark))
  }

  /** Of a volume that is ready; of one for logs, on this host. */
  folderOf({ id, options }: VolumeRecord, host: string): Folder | undefined {
    if (options.path) return this.#tree.find(options.path)
    return this.#folders.get(options.app === undefined ? id : `${id} ${host}`)
  }

  onChange(key: string, before: Entry | undefined, after: Entry | undefined): void {
    if (!key.startsWith(VOLUMES)) return
    const [was, is] = [readVolume(before), readVolume(after)]
    for (const one of this.containers) {
      if (is?.id === one.volume && is?.users[`id-${one.host}`]?.op === one.op) one.isTold = true
    }
    if (was) this.#onLeft(was, is)
    if (!is) return
    const users = Object.keys(is.users).map(id => this.hostOf(id))
    if (is.options.access === 'exclusive' && users.length > 1)
      this.#fault(`${is.name} is exclusive, and ${users.join(' and ')} have it`)
    if (is.state !== 'ready' && users.length > 0)
      this.#fault(`${is.name} is ${is.state}, and ${users.join(' and ')} have it`)
    if (was?.id !== is.id) this.#onNew(is)
    if (is.state === 'ready' && was?.state !== 'ready') this.#onReady(is)
    if (is.options.access === 'exclusive') {
      for (const one of this.#living(is.id)) {
        if (!users.every(user => user === one.host))
          this.#fault(`${is.name} is given to ${users.join()} while ${one.host} has it`)
      }
    }
  }

  /** Whom an operator took it from has it no more; everybody else must have left by themselves. */
  #onLeft(was: VolumeRecord, is: VolumeRecord | undefined): void {
    for (const [id, { op }] of Object.entries(was.users)) {
      if (is?.id === was.id && is.users[id]) continue
      const host = this.hostOf(id)
      const isBroken = is !== undefined && JSON.stringify(is.broken) !== JSON.stringify(was.broken)
      if (isBroken) this.#broken.add(op)
      for (const one of this.#living(was.id)) {
        if (one.host !== host) continue
        if (isBroken) one.isForfeited = true
        else this.#fault(`${was.name} is taken from ${host}, which has it mounted (${one.id})`)
      }
    }
  }

  #living(volume: string | undefined): Container[] {
    return [...this.containers].filter(
      one => one.volume === volume && one.isTold && !one.isForfeited,
    )
  }

  #onNew({ id, name, options: { path } }: VolumeRecord): void {
    const others = [...this.records(), ...this.parked().map(({ volume }) => volume)]
    for (const other of others) {
      if (other.id === id || !path || !other.options.path) continue
      if (overlap(path, other.options.path)) this.#fault(`${name} and ${other.name} overlap`)
    }
  }

  #onReady(record: VolumeRecord): void {
    const { id, name, options } = record
    if (options.path || options.app !== undefined) return
    const folder = this.#tree.find(volumePlace(record))
    const known = this.#folders.get(id)
    if (!folder) this.#fault(`${name} is ready, and its folder is not there`)
    else if (!known) this.#folders.set(id, folder)
    else if (known !== folder) this.#fault(`${name} is back, and its folder is another one`)
    if (folder && !this.isWhole(folder)) this.#fault(`${name} is back, and its data is not`)
  }

  #requireFolder({ host, name, volume, folder }: Container, what: string): void {
    if (!this.isWhole(folder)) this.#fault(`${what}: what was written there is gone`)
    const record = this.record(name)
    const owner = [...this.#folders].find(([, one]) => one === folder)?.[0]
    if (!record || record.id !== volume) return
    const { path, app } = record.options
    const key = app === undefined ? record.id : `${volume} ${host}`
    if (app !== undefined && !owner && !this.#folders.has(key)) this.#folders.set(key, folder)
    const right = path ? this.#tree.find(path) : this.#folders.get(key)
    if (folder !== right) this.#fault(`${what} has the folder of ${owner ?? 'nobody'}`)
  }

  #requireAlone({ host, name, volume }: Container): void {
    for (const one of this.#living(volume)) {
      if (one.host !== host)
        this.#fault(`${name} is exclusive: ${host} mounts it while ${one.host} has it`)
    }
  }

  #onDestroy(place: Place, folder: Folder): void {
    const [, , parked = ''] = place
    const [id] = parked.split('-')
    if (this.records().some(record => record.id === id))
      this.#fault(`${place.join('/')} is destroyed, and the volume is there`)
    if (this.parked().some(({ volume, state }) => volume.id === id && state !== 'destroying'))
      this.#fault(`${place.join('/')} is destroyed before anybody said so`)
    const gone = new Set(below(folder))
    for (const [key, one] of this.#folders) {
      const [owner = ''] = key.split(' ')
      if (gone.has(one) && owner !== id)
        this.#fault(`The data of ${owner} is destroyed as that of ${id}`)
    }
    for (const one of this.containers) {
      if (gone.has(one.folder) && one.isTold && !one.isForfeited)
        this.#fault(`The data of ${one.name} is destroyed while ${one.host} has it`)
    }
    for (const one of gone) this.#written.delete(one)
  }

  #write(folder: Folder): void {
    const mark = `mark-${(this.#marks += 1)}`
    folder.files.add(mark)
    const written = this.#written.get(folder) ?? new Set()
    this.#written.set(folder, written.add(mark))
  }

  #list(prefix: string): Entry[] {
    return this.#store.list(prefix, endOf(prefix), Infinity)
  }
}

function* below(folder: Folder): Generator<Folder> {
  yield folder
  for (const one of folder.folders.values()) yield* below(one)
}
