import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Etcd } from '../etcd/etcd.ts'
import { check } from './checker.ts'
import { Engine } from './engine.ts'
import { Instance } from './instance.ts'
import { createUntilItIs, Lane } from './lane.ts'
import { POOLS, poolsOf } from './pools.ts'
import { Recorder } from './record.ts'
import type { Sight } from './record.ts'
import { Eye } from './sight.ts'
import { stepsOf } from './steps.ts'
import { Wire } from './wire.ts'

const LANES = 3
const PREFIX = '/berth'

/** One host: its plugin, its engine, its containers, its wire to etcd. */
export type Host = {
  readonly name: string
  readonly instance: Instance
  readonly engine: Engine
  readonly lanes: readonly Lane[]
  readonly wire: Wire
}

export type WorldOptions = {
  readonly hosts: readonly string[]
  readonly seed: number
  /** Modules that replace a part of each instance. */
  readonly preloads?: readonly string[]
}

/** Several hosts on one etcd of three members, each of which may be made to fail; all of it in a folder of its own. */
export class World {
  readonly recorder = new Recorder(POOLS)
  readonly hosts: readonly Host[]
  readonly etcd: Etcd
  readonly #folder: string
  readonly #seed: number
  readonly #eye: Eye
  #snapshot: string | undefined

  private constructor(folder: string, etcd: Etcd, seed: number, hosts: readonly Host[], eye: Eye) {
    this.#folder = folder
    this.etcd = etcd
    this.#seed = seed
    this.hosts = hosts
    this.#eye = eye
  }

  /** Nothing of it runs yet but etcd. */
  static async open({ hosts: names, seed, preloads = [] }: WorldOptions): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'berth-history-'))
    const etcd = await Etcd.start(undefined, { members: 3 })
    const hosts: Host[] = []
    const world = new World(folder, etcd, seed, hosts, new Eye(etcd.urls, PREFIX))
    for (const [i, name] of names.entries()) {
      const wire = await Wire.open(etcd.members, i)
      const settings = { ETCD_ENDPOINTS: wire.urls.join(','), ETCD_PREFIX: PREFIX }
      const instance = new Instance(name, join(folder, name), settings, preloads)
      const engine = new Engine(name, instance, world.recorder)
      const lanes = Array.from({ length: LANES }, (_, n) => new Lane(engine, poolsOf(i), n === 0))
      hosts.push({ name, instance, engine, lanes, wire })
    }
    return world
  }

  /** Resolves when every instance serves. */
  async start(): Promise<void> {
    await Promise.all(this.hosts.map(async ({ instance }) => await instance.start()))
    await Promise.all(this.hosts.map(async ({ instance }) => await instance.ready()))
  }

  /** The host of this name. */
  host(name: string): Host {
    const found = this.hosts.find(host => host.name === name)
    if (!found) throw new Error(`There is no host ${name}`)
    return found
  }

  /** The networks that every host has, made on all of them at the same moment. */
  async createNetworks(signal: AbortSignal): Promise<void> {
    const all = this.hosts.flatMap(({ engine }, i) => poolsOf(i).map(pool => ({ engine, pool })))
    await Promise.all(
      all.map(async ({ engine, pool }) => await createUntilItIs(engine, pool, signal)),
    )
  }

  /** Containers start and stop on all hosts until `signal`. */
  async work(signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.hosts.flatMap(({ lanes }, i) =>
        lanes.map(async (lane, n) => await lane.run(stepsOf(this.#seed, i, n), signal)),
      ),
    )
  }

  async look(): Promise<Sight> {
    const sight = await this.#eye.look(this.recorder, false)
    this.recorder.sight(sight)
    return sight
  }

  /** The host's power fails: plugin, engine and containers are gone; it comes back as another boot. */
  async powerOff({ instance, engine, lanes, name }: Host): Promise<void> {
    await instance.reboot()
    engine.reboot()
    for (const lane of lanes) lane.forgetContainers()
    this.recorder.event({ is: 'rebooted', host: name, at: this.recorder.now() })
  }

  /** Takes a snapshot of etcd as soon as etcd lets it; from which it is restored later. */
  async takeSnapshot(): Promise<void> {
    for (let file: string | undefined; file === undefined; await sleep(100)) {
      this.#snapshot = file = await this.etcd.saveSnapshot().catch(() => undefined)
    }
  }

  get snapshot(): string {
    if (this.#snapshot === undefined) throw new Error('No snapshot was taken')
    return this.#snapshot
  }

  /** Everything that fails is mended. */
  async heal(): Promise<void> {
    await this.etcd.startAll()
    for (const { instance, wire } of this.hosts) {
      await wire.pass()
      instance.continue()
      instance.shiftClock(0)
      await instance.start()
    }
    await Promise.all(this.hosts.map(async ({ instance }) => await instance.ready()))
  }

  /** Waits until nothing is left in the store that nobody has, but not longer than this; then looks for good. */
  async settle(withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs
    for (;;) {
      const sight = await this.#eye.look(this.recorder, true)
      const { broken } = check({ ...this.recorder.history, sights: [sight] })
      if (broken.length === 0 || performance.now() > deadline) return this.recorder.sight(sight)
      await sleep(500)
    }
  }

  /** @param keep leaves the folder, with the logs of all instances, where it is */
  async close(keep: boolean): Promise<string> {
    this.#eye.close()
    for (const { instance, wire } of this.hosts) {
      await instance.kill()
      wire.close()
    }
    await this.etcd.end()
    if (!keep) await rm(this.#folder, { recursive: true, force: true })
    return this.#folder
  }
}
