import { Refusal } from '../../../../shared/refusal.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  Attributes,
  Binds,
  ClusterFiles,
  ClusterId,
} from '../../../../volume-plugin/cluster/cluster-files.ts'
import { pathOf } from '../../../../volume-plugin/cluster/place.ts'
import type { Place } from '../../../../volume-plugin/cluster/place.ts'
import type { Folder, FolderTree } from './folder-tree.ts'

const DEADLINE_MS = 5000

/** What one host's kernel has mounted for its engine: it outlives the plugin, and not the boot. */
export class MemoryBinds implements Binds {
  readonly at = new Map<string, Folder>()

  async mounted(): Promise<readonly string[]> {
    await sleep(1)
    return [...this.at.keys()]
  }

  async detach(at: string): Promise<void> {
    await sleep(5)
    this.at.delete(at)
  }
}

/** How the way of one host to the cluster file system is; and how long each job takes there, in each direction. */
export type Way = {
  state: 'there' | 'away' | 'hung'
  legMs: () => number
  /** Whether a job that destroys comes to its deadline. */
  isSlow: () => boolean
}

/** Runs `job` after so many milliseconds, whether the process that asked for it lives or not. */
export type After = (ms: number, job: () => void) => void

/** The cluster file system as one host sees it. */
export class MemoryFiles implements ClusterFiles {
  readonly #tree: FolderTree
  readonly #binds: MemoryBinds
  readonly #way: Way
  readonly #after: After
  readonly #expected: () => string | undefined

  constructor(
    tree: FolderTree,
    binds: MemoryBinds,
    way: Way,
    after: After,
    expected: () => string | undefined = () => undefined,
  ) {
    this.#tree = tree
    this.#binds = binds
    this.#way = way
    this.#after = after
    this.#expected = expected
  }

  async check(): Promise<ClusterId | undefined> {
    return await this.#run(() => this.#tree.id, true)
  }

  async init(id: ClusterId): Promise<ClusterId> {
    return await this.#run(() => (this.#tree.id ??= id), true)
  }

  async make(place: Place, attributes: Attributes): Promise<void> {
    await this.#run(() => this.#tree.make(plain(place), attributes))
  }

  async bind(place: Place, at: string): Promise<void> {
    await this.#run(() => {
      const folder = this.#tree.find(plain(place))
      if (!folder) throw new Refusal('not-mounted', `There is no folder ${pathOf(place)}`)
      this.#binds.at.set(at, folder)
    })
  }

  async move(from: Place, to: Place): Promise<'moved' | 'gone'> {
    return await this.#run(() => this.#tree.move(plain(from), plain(to)))
  }

  async folders(place: Place): Promise<readonly string[]> {
    return await this.#run(() => [...(this.#tree.find(plain(place))?.folders.keys() ?? [])])
  }

  async destroy(place: Place): Promise<'gone' | 'more'> {
    return await this.#run(() => this.#tree.destroy(plain(place), !this.#way.isSlow()))
  }

  /** What was handed over is done, even if the process dies before it hears of it. */
  async #run<T>(job: () => T, needsNoId = false): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<() => T>()
    this.#after(this.#way.legMs(), () => {
      if (this.#way.state !== 'there') return reject(new Refusal('cluster-away', 'simulated: away'))
      try {
        this.#requireRight(needsNoId)
        const value = job()
        resolve(() => value)
      } catch (error) {
        reject(error)
      }
    })
    const [outcome] = await Promise.allSettled([promise])
    const isHung = this.#way.state === 'hung'
    await sleep(isHung ? DEADLINE_MS : this.#way.legMs())
    if (isHung) throw new Refusal('cluster-away', 'simulated: it does not answer')
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value()
  }

  #requireRight(needsNoId: boolean): void {
    const { id } = this.#tree
    const expected = this.#expected()
    const isOther = id !== undefined && expected !== undefined && id !== expected
    if (isOther) throw new Refusal('cluster-away', `simulated: it is ${id}, and not ${expected}`)
    if (id === undefined && !needsNoId) throw new Refusal('cluster-away', 'simulated: it has no id')
  }
}

function plain(place: Place): Place {
  if (place.every(name => name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)))
    return place
  throw new Refusal('not-mounted', `${pathOf(place)} is no place`)
}
