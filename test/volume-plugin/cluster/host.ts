import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { mountPath } from '../../../volume-plugin/cluster/mount-path.ts'
import { LevelDatabase } from '../../../shared/level-database.ts'
import { startCluster } from '../../../volume-plugin/cluster/cluster.ts'
import type { Cluster } from '../../../volume-plugin/cluster/cluster.ts'
import { LevelClusterBook } from '../../../volume-plugin/cluster/level-cluster-book.ts'
import type { MountNote } from '../../../volume-plugin/cluster/cluster-book.ts'
import { clusterRoutes } from '../../../volume-plugin/cluster/routes.ts'
import type { ParkedRecord, VolumeRecord } from '../../../volume-plugin/cluster/volume-record.ts'
import { requireVolumeName } from '../../../volume-plugin/volume-name.ts'
import type { Volume } from '../../../volume-plugin/volumes.ts'
import { MemoryStore } from '../../simulation/memory-store.ts'
import { Way } from './hosts-world.ts'
import { FolderTree } from './simulation/folder-tree.ts'
import { MemoryBinds, MemoryFiles } from './simulation/memory-files.ts'

export const MOUNT_ROOT = '/mounts'
const SECOND = 1000
export const MINUTE = 60 * SECOND

/** What stays when the plugin ends. */
type Machine = {
  readonly name: string
  readonly boot: string
  readonly store: MemoryStore
  readonly tree: FolderTree
  readonly binds: MemoryBinds
  /** The folder of its database. */
  readonly state: string
  readonly clusterId: string
  readonly retainMs: number
  /** Why this machine may not use the identity in its state directory, if so. */
  readonly barred: string | undefined
  /** Lets time pass, which does not pass of itself. */
  readonly pass: (ms: number) => void
}

/**
 * A host with all parts of the plugin but its sockets, in this process: the store, the cluster file system and what the
 * kernel has mounted are in memory, and its book is a real database. Nothing is tended to but when a test says so.
 */
export class Host {
  readonly cluster: Cluster
  readonly files: MemoryFiles
  /** To the store. */
  readonly way: Way
  readonly database: LevelDatabase
  readonly machine: Machine
  /** What it said it lost: "db: it was removed". */
  readonly lost: readonly string[]
  readonly #t: Test

  private constructor(
    t: Test,
    machine: Machine,
    parts: Pick<Host, 'cluster' | 'files' | 'way' | 'database' | 'lost'>,
  ) {
    this.#t = t
    this.machine = machine
    this.cluster = parts.cluster
    this.files = parts.files
    this.way = parts.way
    this.database = parts.database
    this.lost = parts.lost
  }

  static async start(t: Test, machine: Machine): Promise<Host> {
    const { name, boot, store, tree, binds, state, clusterId, retainMs, barred } = machine
    await mkdir(state, { recursive: true })
    const database = await LevelDatabase.open(join(state, 'db'))
    t.teardown(async () => await database.close())
    const way = new Way(store)
    const lost: string[] = []
    const there = { state: 'there', legMs: () => 0, isSlow: () => false } as const
    const files = new MemoryFiles(tree, binds, there, (_, job) => setImmediate(job))
    const cluster = await startCluster({
      host: { id: `id-${name}`, name, boot, machine: { product: '', macs: [] } },
      store: way,
      book: new LevelClusterBook(database, boot),
      files,
      binds,
      mountRoot: MOUNT_ROOT,
      retainMs,
      barred: () => barred,
      clusterId,
      lost: (volume, why) => lost.push(`${volume}: ${why}`),
    })
    return new Host(t, machine, { cluster, files, way, database, lost })
  }

  /** Once or more often. */
  async end(): Promise<void> {
    await this.cluster.idle()
    await this.database.close()
  }

  /** The plugin ends, and starts on the same machine, but for what is changed. */
  async restarted(changes: Partial<Machine> = {}): Promise<Host> {
    await this.end()
    return await Host.start(this.#t, { ...this.machine, ...changes })
  }

  /** What is due once so much time has passed, for all hosts; with what it begins in the background. */
  async tend(passedMs = 5 * SECOND): Promise<void> {
    this.machine.pass(passedMs)
    await this.cluster.tend()
    await this.cluster.idle()
  }

  async create(name: string, options: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.cluster.volumes.create(requireVolumeName(name), options)
  }

  async remove(name: string): Promise<void> {
    await this.cluster.volumes.remove(requireVolumeName(name))
  }

  /** The volume's root. */
  async mount(name: string, container: string): Promise<string> {
    const caller = new AbortController().signal
    return await this.cluster.volumes.mount(requireVolumeName(name), container, caller)
  }

  async unmount(name: string, container: string): Promise<void> {
    await this.cluster.volumes.unmount(requireVolumeName(name), container)
  }

  async get(name: string): Promise<Volume | undefined> {
    return await this.cluster.volumes.get(requireVolumeName(name))
  }

  /** As an operator does, by the name or the id of a volume where it is of one. */
  async order(
    route: `GET /${string}` | `POST /${string}`,
    name = '',
    body: object = {},
  ): Promise<object> {
    const served = { ...this.cluster, rootView, adoptIdentity: async () => {} }
    const found = clusterRoutes(async () => served)[route]
    if (!found) throw new Error(`There is no ${route}`)
    return await found({ params: { name }, query: {}, body })
  }

  async adopt(): Promise<void> {
    await this.order('POST /v1/cluster/adopt')
  }

  async breakLock(name: string, host: Host): Promise<void> {
    await this.order('POST /v1/volumes/:name/break-lock', name, { host: host.machine.name })
  }

  async restore(name: string): Promise<object> {
    return await this.order('POST /v1/volumes/:name/restore', name)
  }

  note(name: string): MountNote | undefined {
    return this.cluster.notes.get(requireVolumeName(name))
  }

  /** Of a volume, as the store has it. */
  async record(name: string): Promise<VolumeRecord | undefined> {
    return await this.cluster.catalogue.find(requireVolumeName(name))
  }

  /** The one volume that is removed. */
  async parked(): Promise<ParkedRecord> {
    const [parked, ...others] = await this.cluster.catalogue.listParked()
    if (parked && others.length === 0) return parked
    throw new Error(`${others.length + (parked ? 1 : 0)} volumes are removed`)
  }

  /** Whether the kernel has it mounted for the engine. */
  isBound(name: string): boolean {
    return this.machine.binds.at.has(mountPath(MOUNT_ROOT, name))
  }
}

/** Hosts that are registered, and share a store and a cluster file system that is initialised. */
export async function hostsOf<const Names extends readonly string[]>(
  t: Test,
  names: Names,
  retainMs?: number,
): Promise<{ readonly [Index in keyof Names]: Host }>
export async function hostsOf(
  t: Test,
  names: readonly string[],
  retainMs = 60 * MINUTE,
): Promise<readonly Host[]> {
  const shared = { store: new MemoryStore(), tree: new FolderTree(), pass: stoppedTime(t) }
  const folder = t.testdir()
  const hosts: Host[] = []
  for (const name of names) {
    const host = await Host.start(t, {
      name,
      boot: 'boot',
      ...shared,
      binds: new MemoryBinds(),
      state: join(folder, name),
      clusterId: '',
      retainMs,
      barred: undefined,
    })
    await host.tend()
    hosts.push(host)
  }
  await hosts[0]?.order('POST /v1/cluster/init')
  return hosts
}

/** @returns what lets time pass */
function stoppedTime(t: Test): (ms: number) => void {
  let now = Math.ceil(performance.now())
  t.intercept(performance, 'now', { value: () => now })
  return ms => {
    now += ms
  }
}

const rootView = async () => ({
  root: '/data',
  at: '/data',
  type: 'fuse.simulated',
  source: 'simulated',
  ok: true,
  why: undefined,
})
