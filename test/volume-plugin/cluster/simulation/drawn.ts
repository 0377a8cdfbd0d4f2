import crypto from 'node:crypto'
import { NO_FAULTS } from '../../../simulation/memory-store.ts'
import type { Faults } from '../../../simulation/memory-store.ts'
import type { Engine } from './engine.ts'
import { faultsWhenQuiet } from './quiet.ts'
import { World } from './world.ts'

type Order = { readonly name: string; readonly options: Readonly<Record<string, string>> }

/** Some of them ask for the same folder, or the same name with other options. */
const ORDERS: readonly Order[] = [
  { name: 'plain', options: {} },
  { name: 'plain', options: { uid: '1000' } },
  { name: 'lone', options: { access: 'exclusive' } },
  { name: 'logs', options: { kind: 'log', app: 'web' } },
  { name: 'chosen', options: { path: 'projects/web' } },
  { name: 'chosen-too', options: { path: 'projects' } },
  { name: 'chosen-alone', options: { path: 'data/db', access: 'exclusive' } },
]
const STEPS = 70
/** How often each kind of step comes; a world has more of some of them. */
const SHARES = {
  create: 14,
  mount: 22,
  unmount: 14,
  remove: 8,
  get: 4,
  list: 2,
  restore: 7,
  wipe: 2,
  breakLock: 3,
  kill: 5,
  cutPower: 3,
  stop: 4,
  cut: 3,
  down: 2,
  loseFiles: 4,
  tend: 2,
  faults: 4,
}
type Kind = keyof typeof SHARES
const KINDS = Object.keys(SHARES) as Kind[]
/** Calls that wait for nothing but their deadlines have ended by then. */
const ENDS_WITHIN_MS = 180_000

/** What happens in a world is drawn from its seed. */
export async function drawnWorld(seed: number): Promise<World> {
  const retainMs = seed % 3 === 0 ? 20_000 : 3_600_000
  const world = new World(seed, 3, retainMs)
  await withDrawnBytes(world, async () => await world.time.run(() => new Drawn(world).run()))
  return world
}

/** Ids are drawn too, so that a world is the same each time. */
async function withDrawnBytes(world: World, job: () => Promise<void>): Promise<void> {
  const { randomBytes } = crypto
  const random = world.random.fork(2)
  const drawn = (size: number) =>
    Buffer.from(Array.from({ length: size }, () => random.between(0, 255)))
  Object.assign(crypto, { randomBytes: drawn })
  try {
    await job()
  } finally {
    Object.assign(crypto, { randomBytes })
  }
}

class Drawn {
  readonly #world: World
  readonly #running = new Set<Promise<unknown>>()
  readonly #copying = new Set<string>()
  readonly #orders: readonly Order[]
  /** Each kind of step as often as it is to come. */
  readonly #kinds: readonly Kind[]

  constructor(world: World) {
    this.#world = world
    const { random } = world
    const names = random.shuffled([...new Set(ORDERS.map(({ name }) => name))])
    const some = names.slice(0, random.between(1, names.length))
    this.#orders = ORDERS.filter(({ name }) => some.includes(name))
    const loved = random.shuffled(KINDS).slice(0, 3)
    this.#kinds = KINDS.flatMap(kind =>
      Array.from({ length: SHARES[kind] * (loved.includes(kind) ? 3 : 1) }, () => kind),
    )
  }

  async run(): Promise<void> {
    const world = this.#world
    for (const path of [
      ['projects', 'web'],
      ['data', 'db'],
    ])
      world.truth.existing(path)
    for (const { machine } of world.engines) machine.start()
    await this.#init()
    for (let step = 0; step < STEPS; step++) {
      this.#begin(async () => await this.#step())
      await world.sleep(world.random.pick([1, 100, 1000, 4000]) * world.random.next())
      if (world.faults.length > 0) return
    }
    await this.#heal()
    if (world.faults.length > 0) return
    world.faults.push(...(await faultsWhenQuiet(world)))
  }

  async #init(): Promise<void> {
    for (;;) {
      const { is } = await this.#world.engine(0).machine.order('init')
      if (is === 'answered') return
      await this.#world.sleep(500)
    }
  }

  #begin(job: () => Promise<void>): void {
    const running = job()
      .catch(error =>
        this.#world.fault(error instanceof Error ? String(error.stack) : String(error)),
      )
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  async #step(): Promise<void> {
    const { random, engines } = this.#world
    const engine = random.pick(engines)
    switch (random.pick(this.#kinds)) {
      case 'create':
        return await this.#create(engine)
      case 'mount':
        return await this.#mount(engine)
      case 'unmount':
        return await this.#unmount(engine)
      case 'remove':
        return void (await engine.remove(this.#name()))
      case 'get':
        return void (await engine.get(this.#name()))
      case 'list':
        return void (await engine.list())
      case 'restore':
        return await this.#restore(engine)
      case 'wipe':
        return await this.#wipe(engine)
      case 'breakLock':
        return await this.#breakLock(engine)
      case 'kill':
        return await this.#kill(engine)
      case 'cutPower':
        return await this.#cutPower(engine)
      case 'stop':
        return await this.#stop(engine)
      case 'cut':
        return await this.#cut(engine)
      case 'down':
        return await this.#down()
      case 'loseFiles':
        return await this.#loseFiles(engine)
      case 'tend':
        return await engine.machine.tend()
      case 'faults':
        return this.#world.setFaults(this.#drawFaults())
    }
  }

  #name(): string {
    return this.#world.random.pick(this.#orders).name
  }

  async #create(engine: Engine): Promise<void> {
    const { name, options } = this.#world.random.pick(this.#orders)
    await engine.create(name, options)
  }

  async #mount(engine: Engine): Promise<void> {
    const { random } = this.#world
    const name = this.#name()
    const running = engine.containers.find(one => one.name === name && random.chance(0.2))
    // As `docker cp` does, which has the id of the container, and ends before that does.
    if (running) this.#copying.add(running.id)
    await engine.mount(name, this.#hangUp(), running?.id)
    if (running) this.#copying.delete(running.id)
  }

  async #unmount(engine: Engine): Promise<void> {
    const containers = engine.containers.filter(one => !this.#copying.has(one.id))
    if (containers.length === 0) return
    const { id } = this.#world.random.pick(containers)
    // What came last with an id goes first: the plugin cannot tell them apart.
    const last = containers.findLast(one => one.id === id)
    if (last) await engine.unmount(last)
  }

  /** Now and then, the engine goes away. */
  #hangUp(): AbortSignal {
    const { random, time } = this.#world
    const hangUp = new AbortController()
    if (random.chance(0.1)) time.after(random.next() * 150, () => hangUp.abort())
    return hangUp.signal
  }

  async #restore(engine: Engine): Promise<void> {
    const { random, truth } = this.#world
    const parked = truth.parked()
    const half = truth.records().filter(({ state }) => state === 'restoring')
    const all = [...parked.map(({ volume }) => volume), ...half]
    if (all.length === 0) return
    const { id, name } = random.pick(all)
    await engine.restore(id, name)
  }

  async #wipe(engine: Engine): Promise<void> {
    const { random, truth } = this.#world
    const parked = truth.parked()
    if (parked.length > 0) await engine.wipe(random.pick(parked).volume.id)
  }

  /** The word is true more often than not. */
  async #breakLock(by: Engine): Promise<void> {
    const { random, truth, engines } = this.#world
    const held = truth
      .records()
      .flatMap(({ name, users }) =>
        Object.keys(users).map(id => ({ name, host: truth.hostOf(id) })),
      )
    if (held.length === 0) return
    const { name, host } = random.pick(held)
    const engine = engines.find(one => one.name === host)
    if (!engine || engine === by) return
    const isDead = random.chance(0.6)
    if (isDead) engine.cutPower()
    await by.breakLock(name, `id-${host}`)
    if (!isDead) return
    await this.#world.sleep(random.next() * 8000)
    engine.machine.start()
  }

  async #kill({ machine }: Engine): Promise<void> {
    const world = this.#world
    world.note(`${machine.name} is killed`)
    machine.kill()
    await world.sleep(world.random.pick([10, 3000]) * world.random.next())
    machine.start()
  }

  async #cutPower(engine: Engine): Promise<void> {
    const world = this.#world
    world.note(`${engine.name} loses power`)
    engine.cutPower()
    await world.sleep(world.random.pick([100, 8000]) * world.random.next())
    engine.machine.start()
  }

  async #stop({ machine }: Engine): Promise<void> {
    const world = this.#world
    world.note(`${machine.name} hangs`)
    machine.stop()
    await world.sleep(world.random.pick([300, 20_000]) * world.random.next())
    machine.goOn()
    world.note(`${machine.name} goes on`)
  }

  async #cut({ machine }: Engine): Promise<void> {
    const world = this.#world
    world.note(`${machine.name} is cut off`)
    machine.cut(true)
    await world.sleep(world.random.pick([300, 15_000]) * world.random.next())
    machine.cut(false)
    world.note(`${machine.name} is not cut off any more`)
  }

  async #down(): Promise<void> {
    const world = this.#world
    world.note('the store is down')
    world.store.isDown = true
    await world.sleep(world.random.pick([300, 8000]) * world.random.next())
    world.store.isDown = false
    world.note('the store is back')
  }

  async #loseFiles({ machine }: Engine): Promise<void> {
    const world = this.#world
    const state = world.random.pick(['away', 'hung'] as const)
    world.note(`the file system of ${machine.name} is ${state}`)
    machine.way.state = state
    await world.sleep(world.random.pick([300, 12_000]) * world.random.next())
    machine.way.state = 'there'
    world.note(`the file system of ${machine.name} is there`)
  }

  #drawFaults(): Faults {
    const { random } = this.#world
    const some = () => (random.chance(0.5) ? 0 : random.next() * 0.2)
    if (random.chance(0.3)) return NO_FAULTS
    return { lost: some(), late: some(), never: some(), refused: some(), slow: some() }
  }

  /** Everything that fails is mended, and whatever was begun has ended. */
  async #heal(): Promise<void> {
    const world = this.#world
    world.setFaults(NO_FAULTS)
    world.store.isDown = false
    for (const { machine } of world.engines) {
      machine.goOn()
      machine.cut(false)
      machine.way.state = 'there'
    }
    world.note('--- healed')
    await world.until(() => this.#running.size === 0, ENDS_WITHIN_MS)
    if (this.#running.size > 0) world.fault(`${this.#running.size} steps never ended`)
    for (const { machine } of world.engines) machine.start()
  }
}
