import type { Engine, Network, NetworkOrder } from './engine.ts'
import { NO_FAULTS } from './memory-store.ts'
import type { Faults, Snapshot } from './memory-store.ts'
import { faultsWhenQuiet } from './quiet.ts'
import { World, told } from './world.ts'
import { readHost, readRecovery, readSeen } from '../../ipam-plugin/records.ts'
import { hostKey, RECOVERY, seenKey } from '../../ipam-plugin/keys.ts'

const ORDERS: readonly NetworkOrder[] = [
  { subnet: '10.0.0.0/28', gateway: '10.0.0.1' },
  { subnet: '10.0.0.0/28', gateway: '10.0.0.1', aux: ['10.0.0.2'] },
  { subnet: '10.0.0.0/28', range: '10.0.0.8/29' },
  { subnet: '10.0.0.0/28', gateway: '10.0.0.1', options: { 'berth.exclude': '10.0.0.5' } },
  { subnet: '10.0.0.0/28', range: '10.0.0.0/29', options: { 'berth.exclude': '10.0.0.6' } },
  { subnet: '10.0.1.0/29' },
  { subnet: '10.0.0.0/27', gateway: '10.0.0.1' },
]
const BEAT_EVERY_MS = 3000
const STEPS = 60
/** Networks come and go only on hosts that serve. */
const GUARD = process.env['GUARD'] === '1'

/** What happens in a world is drawn from its seed. @returns the faults that were found */
export async function drawnWorld(seed: number): Promise<World> {
  const world = new World(seed, 2 + (seed % 4), BEAT_EVERY_MS)
  await world.time.run(() => new Drawn(world).run())
  return world
}

class Drawn {
  readonly #world: World
  readonly #running = new Set<Promise<unknown>>()
  readonly #busyPools = new Map<string, number>()
  #snapshots: Snapshot[] = []
  #hasRecovered = false

  constructor(world: World) {
    this.#world = world
  }

  async run(): Promise<void> {
    const world = this.#world
    for (const { host } of world.engines) host.start()
    await world.allServe()
    await Promise.all(world.engines.map(engine => this.#create(engine)))
    for (let i = 0; i < STEPS; i++) {
      if (!world.isSetBack && i % 5 === 0)
        this.#snapshots.push(world.store.snapshot(world.time.now))
      this.#go(this.#step())
      await world.sleep(world.random.pick([1, 10, 100, 500, 1500]) * world.random.next())
    }
    await this.#heal()
  }

  #go(job: Promise<unknown>): void {
    const running: Promise<unknown> = job
      .catch(error => world.faults.push(`the simulation failed: ${String(error.stack)}`))
      .finally(() => this.#running.delete(running))
    const world = this.#world
    this.#running.add(running)
  }

  async #step(): Promise<void> {
    const { random } = this.#world
    const engine = random.pick(this.#world.engines)
    const drawn = random.between(0, 99)
    if (drawn < 40) return await this.#runOne(engine)
    if (drawn < 62) return await this.#stopOne(engine)
    if (drawn < 68) return await this.#create(engine)
    if (drawn < 74) return await this.#remove(engine)
    if (drawn < 78) return await this.#kill(engine)
    if (drawn < 81) return await this.#cutPower(engine)
    if (drawn < 84) return await this.#hang(engine)
    if (drawn < 87) return await this.#cut(engine)
    if (drawn < 88) return await this.#down()
    if (drawn < 92) return await this.#evict(engine)
    if (drawn < 94) return await this.#recover()
    if (drawn < 95) return await this.#setBack()
    this.#world.setFaults(this.#drawFaults())
  }

  #drawFaults(): Faults {
    const { random } = this.#world
    const some = () => (random.chance(0.5) ? 0 : random.next() * 0.2)
    if (random.chance(0.3)) return NO_FAULTS
    return { lost: some(), late: some(), never: some(), refused: some(), slow: some() }
  }

  async #runOne(engine: Engine): Promise<void> {
    const { random } = this.#world
    const networks = [...engine.networks]
    if (networks.length === 0) return
    const { pool } = random.pick(networks)
    const address = random.chance(0.3)
      ? `10.0.${pool.includes('10.0.1.') ? 1 : 0}.${random.between(2, 8)}`
      : ''
    const hangUp = new AbortController()
    if (random.chance(0.1)) this.#world.time.after(random.next() * 10, () => hangUp.abort())
    await this.#using(engine, pool, async () => {
      const outcome = await engine.run(pool, address, hangUp.signal)
      this.#world.note(`${engine.host.name} run ${pool} ${address}: ${told(outcome)}`)
    })
  }

  async #stopOne(engine: Engine): Promise<void> {
    const { random } = this.#world
    if (engine.held.size === 0) return
    const held = random.pick([...engine.held.values()])
    await this.#using(engine, held.pool, async () => {
      const outcome = await engine.stop(held)
      this.#world.note(`${engine.host.name} stop ${held.address}: ${told(outcome)}`)
    })
  }

  async #create(engine: Engine): Promise<void> {
    const order = this.#world.random.pick(ORDERS)
    if (this.#world.isSetBack || (GUARD && !engine.host.isServing)) return
    const network = await engine.createNetwork(order)
    this.#world.note(
      `${engine.host.name} creates ${JSON.stringify(order)}: ${JSON.stringify(network)}`,
    )
  }

  async #remove(engine: Engine): Promise<void> {
    const network = [...engine.networks].find(one => !this.#isUsed(engine, one))
    if (!network || (GUARD && !engine.host.isServing)) return
    await engine.removeNetwork(network)
    this.#world.note(`${engine.host.name} removed ${network.pool}`)
  }

  #isUsed(engine: Engine, { pool }: Network): boolean {
    const isBusy = (this.#busyPools.get(`${engine.host.name} ${pool}`) ?? 0) > 0
    return isBusy || [...engine.held.values()].some(held => held.pool === pool)
  }

  async #using(engine: Engine, pool: string, job: () => Promise<void>): Promise<void> {
    const key = `${engine.host.name} ${pool}`
    const count = (by: number) => this.#busyPools.set(key, (this.#busyPools.get(key) ?? 0) + by)
    count(1)
    await job()
    count(-1)
  }

  async #kill({ host }: Engine): Promise<void> {
    this.#world.note(`${host.name} is killed`)
    host.kill()
    await this.#world.sleep(this.#world.random.pick([10, 3000]) * this.#world.random.next())
    host.start()
  }

  async #cutPower(engine: Engine): Promise<void> {
    const { host } = engine
    this.#world.note(`${host.name} loses power`)
    host.cutPower()
    engine.reboot()
    await this.#world.sleep(this.#world.random.pick([100, 8000]) * this.#world.random.next())
    host.start()
  }

  async #hang({ host }: Engine): Promise<void> {
    this.#world.note(`${host.name} hangs`)
    host.stop()
    await this.#world.sleep(this.#world.random.pick([300, 8000]) * this.#world.random.next())
    host.goOn()
    this.#world.note(`${host.name} goes on`)
  }

  async #cut({ host }: Engine): Promise<void> {
    this.#world.note(`${host.name} is cut off`)
    host.cut(true)
    await this.#world.sleep(this.#world.random.pick([300, 8000]) * this.#world.random.next())
    host.cut(false)
  }

  async #down(): Promise<void> {
    this.#world.store.isDown = true
    await this.#world.sleep(this.#world.random.pick([300, 5000]) * this.#world.random.next())
    this.#world.store.isDown = false
  }

  async #evict(engine: Engine): Promise<void> {
    const { random, engines, isSetBack } = this.#world
    const by = random.pick(engines)
    if (by === engine || isSetBack || !by.host.isRunning) return
    const isDead = random.chance(0.4)
    if (isDead) {
      engine.host.cutPower()
      engine.reboot()
    }
    await this.#world.evict(by, engine)
    if (!isDead) return
    await this.#world.sleep(random.next() * 8000)
    engine.host.start()
  }

  async #recover(): Promise<void> {
    if (this.#world.isSetBack) return
    this.#hasRecovered = true
    await this.#untilRecovered()
  }

  /** To a state before the last sign of life of each host, since which no recovery was. */
  async #setBack(): Promise<void> {
    const world = this.#world
    if (
      world.isSetBack ||
      world.store.isDown ||
      world.engines.some(({ isForfeiting }) => isForfeiting)
    )
      return
    const old = this.#snapshots.findLast(({ rows }) => {
      const gate = readRecovery(rows.get(RECOVERY))
      if (gate?.open) return false
      return world.engines.every(({ host: { name, disk } }) => {
        const record = readHost(rows.get(hostKey(name)))
        const seen = readSeen(rows.get(seenKey(name)))
        const isOlder = seen !== undefined && seen.beat < (disk.notes?.beat ?? 0)
        return isOlder && record && !record.evicted && disk.notes?.recovery === gate?.id
      })
    })
    if (!old || this.#hasRecovered) return
    const history = world.random.chance(0.5) ? world.store.history : 'history-1'
    world.setBack(old, history)
    await world.sleep(world.random.next() * 10_000)
    if (history !== 'history-0') await this.#restartAll()
    this.#hasRecovered = true
    await this.#untilRecovered()
  }

  async #restartAll(): Promise<void> {
    for (const { host } of this.#world.engines) {
      if (!host.isRunning) continue
      host.kill()
      host.start()
    }
  }

  async #untilRecovered(): Promise<void> {
    const world = this.#world
    for (;;) {
      const by = world.random.pick(world.engines)
      if (!by.host.isRunning) await world.sleep(100)
      if ((await world.recover(by)).is === 'answered') break
      await world.sleep(500)
    }
    const isOver = () => readRecovery(world.store.get(RECOVERY))?.open === false
    await world.until(isOver)
    world.note('the recovery is over')
  }

  async #heal(): Promise<void> {
    const world = this.#world
    world.setFaults(NO_FAULTS)
    world.store.isDown = false
    for (const { host } of world.engines) {
      host.goOn()
      host.cut(false)
    }
    world.note('--- healed')
    await world.until(() => this.#running.size === 0, 120_000)
    if (this.#running.size > 0) world.faults.push(`${this.#running.size} steps never ended`)
    await world.sleep(11_000)
    for (const { host } of world.engines) host.start()
    if (!(await world.until(() => world.engines.every(({ host }) => host.isServing)))) {
      const states = world.engines.map(({ host }) => JSON.stringify(host.ipam?.membership.state))
      world.faults.push(`not all serve again: ${states.join()}`)
    }
    await world.sleep(10_000)
    world.forgiveReturned()
    world.faults.push(...faultsWhenQuiet(world))
    await this.#tryAll()
  }

  async #tryAll(): Promise<void> {
    for (const [i, engine] of this.#world.engines.entries()) {
      const network = await engine.createNetwork({ subnet: `10.9.${i}.0/29` })
      const outcome = network && (await engine.run(network.pool))
      if (outcome?.is === 'answered') continue
      this.#world.faults.push(
        `${engine.host.name} gives no address: ${outcome ? told(outcome) : 'no pool'}`,
      )
    }
  }
}
