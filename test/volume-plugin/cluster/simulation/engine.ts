import { mountPath } from '../../../../volume-plugin/cluster/mount-path.ts'
import { pathOf, volumePlace } from '../../../../volume-plugin/cluster/place.ts'
import type { VolumeRecord } from '../../../../volume-plugin/cluster/volume-record.ts'
import type { Container } from './containers.ts'
import { MOUNT_ROOT } from './machine.ts'
import type { Machine, Outcome } from './machine.ts'
import type { World } from './world.ts'

/** A Docker Engine, as far as a volume driver sees it, and the operator at this host. */
export class Engine {
  readonly machine: Machine
  /** What the plugin said it lost while it had it mounted. */
  readonly toldLost = new Set<string>()
  /** Mounts of which nobody heard, and those whose Unmount was lost: "name id". They count until the next boot. */
  readonly leaked = new Set<string>()
  /** Volumes that this engine was told of in this boot, and how often anybody had asked to remove them. */
  readonly #seen = new Map<string, number>()
  readonly #world: World
  #ids = 0
  #boots = 0

  constructor(machine: Machine, world: World) {
    this.machine = machine
    this.#world = world
  }

  get name(): string {
    return this.machine.name
  }

  get containers(): Container[] {
    return [...this.#world.truth.containers].filter(({ host }) => host === this.name)
  }

  async create(name: string, options: Readonly<Record<string, string>>): Promise<Outcome> {
    const { promises } = this.#world
    const mark = promises.mark(name)
    const outcome = await this.#ask('Create', { Name: name, Opts: options })
    if (outcome.is === 'answered') this.#told(name, mark)
    return outcome
  }

  async remove(name: string): Promise<Outcome> {
    const { promises } = this.#world
    const promised = promises.of(name)
    const over = promises.removing(name)
    const mark = promises.mark(name)
    const outcome = await this.#ask('Remove', { Name: name })
    const isRefused = outcome.is === 'refused' && outcome.code === 'volume-in-use'
    over(isRefused || outcome.is === 'answered')
    if (isRefused && promised !== undefined) promises.told(name, mark)
    return outcome
  }

  /** Starts a container, with an id of its own or one that runs already; an engine that hangs up hears no answer. */
  async mount(name: string, hangUp: AbortSignal, again?: string): Promise<Outcome> {
    const { truth, promises } = this.#world
    const id = again ?? `${this.name}-${(this.#ids += 1)}`
    const boot = this.#boots
    const promised = promises.of(name)
    const outcome = await this.#ask('Mount', { Name: name, ID: id }, hangUp)
    if (boot !== this.#boots) return outcome
    if (outcome.is === 'refused') {
      const isGone =
        outcome.code === 'unknown-volume' ||
        (outcome.code === 'not-mounted' && this.#knowsFolder(name, promised, outcome.why))
      if (isGone && promised !== undefined && promises.of(name) === promised)
        this.#world.fault(`${name} is there, and cannot be mounted on ${this.name}: ${outcome.why}`)
    } else if (outcome.is !== 'answered' || hangUp.aborted) {
      if (outcome.is !== 'failed') this.leaked.add(`${name} ${id}`)
    } else {
      const at = String(outcome.body['Mountpoint'])
      const folder = this.machine.binds.at.get(at)
      const note = this.machine.book.note(name)
      if (at !== mountPath(MOUNT_ROOT, name) || !folder)
        this.#world.fault(`${name} on ${this.name}: nothing is mounted at ${at}`)
      else if (!note || !Object.hasOwn(note.ids, id))
        this.#world.fault(`${name} on ${this.name}: ${id} is not noted`)
      else {
        const { volume, op } = note
        const isTold = note.state !== 'untold'
        truth.begin({ host: this.name, name, id, volume, op, folder, isTold })
      }
    }
    return outcome
  }

  /** The container is gone before the plugin is asked; what fails is never asked again. */
  async unmount(container: Container): Promise<Outcome> {
    const { name, id } = container
    const boot = this.#boots
    this.#world.truth.containers.delete(container)
    const outcome = await this.#ask('Unmount', { Name: name, ID: id })
    if (boot === this.#boots && outcome.is !== 'answered') this.leaked.add(`${name} ${id}`)
    return outcome
  }

  /** A volume that is there is never answered as one that is not. */
  async get(name: string): Promise<Outcome> {
    const { promises } = this.#world
    const promised = promises.of(name)
    const mark = promises.mark(name)
    const outcome = await this.#ask('Get', { Name: name })
    const isDenied = outcome.is === 'refused'
    if (isDenied && promised !== undefined && promises.of(name) === promised)
      this.#world.fault(
        `${name} is there, and ${this.name} was told that it is not: ${outcome.why}`,
      )
    if (outcome.is === 'answered') this.#seen.set(name, mark)
    return outcome
  }

  /** What this engine was told of stays in its list. */
  async list(): Promise<Outcome> {
    const { promises } = this.#world
    const boot = this.#boots
    const isThere = ([name, mark]: readonly [string, number]) =>
      promises.of(name) !== undefined && promises.mark(name) === mark
    const before = [...this.#seen].filter(isThere)
    const outcome = await this.#ask('List', {})
    if (outcome.is !== 'answered' || boot !== this.#boots) return outcome
    const listed = JSON.stringify(outcome.body)
    for (const [name] of before.filter(isThere)) {
      if (!listed.includes(`"Name":"${name}"`))
        this.#world.fault(`${name} is there, and not in the list of ${this.name}`)
    }
    return outcome
  }

  async restore(id: string, name: string): Promise<Outcome> {
    const { promises } = this.#world
    const mark = promises.mark(name)
    const outcome = await this.#order('restore', id)
    if (outcome.is === 'answered' && this.#world.truth.record(name)?.id === id)
      this.#told(name, mark)
    return outcome
  }

  async wipe(id: string): Promise<Outcome> {
    return await this.#order('wipe', id)
  }

  /** The operator's word that `host` is dead. */
  async breakLock(name: string, host: string): Promise<Outcome> {
    return await this.#order('break-lock', name, { host })
  }

  /** All that was mounted is gone, and so is what the engine asked for. */
  cutPower(): void {
    this.#boots += 1
    this.machine.cutPower()
    for (const container of this.containers) this.#world.truth.containers.delete(container)
    this.leaked.clear()
    this.#seen.clear()
    this.toldLost.clear()
  }

  /** While the store is away, a host may know an older volume of the name, and makes no folder of its own. */
  /** What was brought back, or created anew, has another folder: a host that etcd does not answer may not have heard of it. */
  #knowsFolder(name: string, volume: string | undefined, why: string): boolean {
    const record = this.#world.truth.record(name)
    if (record && !hasChosenPlace(record) && !why.endsWith(pathOf(volumePlace(record))))
      return false
    const known = this.machine.cluster?.mirror.all().find(one => one.name === name)
    if (!record || record.id !== volume || known?.id !== volume) return false
    return this.#world.truth.folderOf(record, this.name) !== undefined
  }

  #told(name: string, mark: number): void {
    this.#world.promises.told(name, mark)
    this.#seen.set(name, mark)
  }

  async #ask(method: string, body: object, hangUp?: AbortSignal): Promise<Outcome> {
    const what = `${this.name} ${method} ${JSON.stringify(body)}`
    this.#world.note(`${what} ...`)
    return this.#world.judged(what, await this.machine.call(method, body, hangUp))
  }

  async #order(
    route: 'restore' | 'wipe' | 'break-lock',
    name: string,
    body: object = {},
  ): Promise<Outcome> {
    const what = `${this.name} is ordered to ${route} ${name} ${JSON.stringify(body)}`
    this.#world.note(`${what} ...`)
    return this.#world.judged(what, await this.machine.order(route, name, body))
  }
}

const hasChosenPlace = ({ options: { path, app } }: VolumeRecord): boolean =>
  path !== undefined || app !== undefined
