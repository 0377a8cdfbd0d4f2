import type { Engine, Network, NetworkOrder } from './engine.ts'
import { NO_FAULTS } from './memory-store.ts'
import type { Faults, Snapshot } from './memory-store.ts'
import { faultsWhenQuiet } from './quiet.ts'
import { World, told } from './world.ts'
import { standingOf } from '../../ipam-plugin/standing.ts'
import { readAddress, readHost, readRecovery, readSeen } from '../../ipam-plugin/records.ts'
import { parsePoolId } from '../../ipam-plugin/pool-id.ts'
import type { Host } from './host.ts'
import { hostKey, poolKey, RECOVERY, seenKey } from '../../ipam-plugin/keys.ts'

const ORDERS: readonly NetworkOrder[] = [
  { subnet: '10.0.0.0/28', gateway: '10.0.0.1' },
  { subnet: '10.0.0.0/28', gateway: '10.0.0.1', aux: ['10.0.0.2'] },
  { subnet: '10.0.0.0/28', range: '10.0.0.8/29' },
  { subnet: '10.0.0.0/28', gateway: '10.0.0.1', options: { 'berth.exclude': '10.0.0.5' } },
  { subnet: '10.0.0.0/28', range: '10.0.0.0/29', options: { 'berth.exclude': '10.0.0.6' } },
  { subnet: '10.0.1.0/29' },
  { subnet: '10.0.0.0/27', gateway: '10.0.0.1' },
  { subnet: '' },
]
const BEAT_EVERY_MS = 3000
const STEPS = 60
/** Whatever is under way to the store has arrived after this time. */
const LATEST_MS = 11_000

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
  readonly #snapshots: Snapshot[] = []
  /** In a recovery, those that the store does not know. */
  #mustLive: Engine[] = []
  #history: string
  #histories = 0

  constructor(world: World) {
    this.#world = world
    this.#history = world.store.history
  }

  async run(): Promise<void> {
    const world = this.#world
    const late = world.engines.length > 2 ? world.random.between(0, STEPS) : 0
    const first = late > 0 ? world.engines.slice(1) : world.engines
    for (const { host } of first) host.start()
    await world.allServe()
    await Promise.all(first.map(engine => this.#create(engine)))
    for (let i = 0; i < STEPS; i++) {
      if (i === late) world.engine(0).host.start()
      // What a host did in an open recovery since its last registration is not known to be missing: a story tells of it.
      const isStill = gateOf(world)?.state !== 'open'
      if (!world.isSetBack && isStill && i % 5 === 0)
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
    if (drawn >= 95) return this.#world.setFaults(this.#drawFaults())
    if (this.#mustLive.includes(engine)) return
    if (drawn < 78) return await this.#kill(engine)
    if (drawn < 81) return await this.#cutPower(engine)
    if (drawn < 84) return await this.#hang(engine)
    if (drawn < 87) return await this.#cut(engine)
    if (drawn < 88) return await this.#down()
    if (drawn < 92) return await this.#evict(engine)
    if (drawn < 94) return await this.#recover()
    if (random.chance(0.5)) return await this.#loseState(engine)
    await this.#setBack()
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
    const address =
      !pool.includes('10.5.') && random.chance(0.3)
        ? `10.0.${pool.includes('10.0.1.') ? 1 : 0}.${random.between(2, 8)}`
        : ''
    await this.#using(engine, pool, async () => {
      const outcome = await engine.run(pool, address, this.#hangUp())
      this.#world.note(`${engine.host.name} run ${pool} ${address}: ${told(outcome)}`)
    })
  }

  /** Now and then, the engine goes away. */
  #hangUp(): AbortSignal {
    const { random, time } = this.#world
    const hangUp = new AbortController()
    if (random.chance(0.1)) time.after(random.next() * 10, () => hangUp.abort())
    return hangUp.signal
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
    const network = await engine.createNetwork(order, this.#hangUp())
    this.#world.note(
      `${engine.host.name} creates ${JSON.stringify(order)}: ${JSON.stringify(network)}`,
    )
  }

  async #remove(engine: Engine): Promise<void> {
    const network = [...engine.networks].find(one => !this.#isUsed(engine, one))
    if (!network) return
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

  /** The state directory is lost, the identity not; an operator adopts it. */
  async #loseState(engine: Engine): Promise<void> {
    const { host } = engine
    const world = this.#world
    if (world.isSetBack || engine.isForgotten || !host.isServing) return
    world.note(`${host.name} loses its state`)
    host.kill()
    engine.loseState()
    await world.sleep(LATEST_MS)
    host.start()
    while (engine.isForgotten) {
      await world.sleep(world.random.next() * 3000)
      host.start()
      const outcome = await host.adopt()
      world.note(`${host.name} is adopted: ${told(outcome)}`)
      if (outcome.is === 'answered') engine.adopted()
    }
  }

  async #down(): Promise<void> {
    if (this.#mustLive.length > 0) return
    this.#world.store.isDown = true
    await this.#world.sleep(this.#world.random.pick([300, 5000]) * this.#world.random.next())
    this.#world.store.isDown = false
  }

  async #evict(engine: Engine): Promise<void> {
    const { random, engines, isSetBack } = this.#world
    const by = random.pick(engines)
    if (by === engine || engine.isForgotten || !by.host.isRunning) return
    const isDead = isSetBack || random.chance(0.4)
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
    await this.#untilRecovered()
  }

  /** To an older state. Whoever cannot tell by itself that it is one is away until somebody else told. */
  async #setBack(): Promise<void> {
    const world = this.#world
    const { random, store, engines } = world
    if (world.isSetBack || store.isDown || engines.some(one => one.isForfeiting || one.isForgotten))
      return
    // A set-back in the middle of a recovery, and an eviction before anybody noticed, is noticed by nobody.
    if (gateOf(world)?.state === 'open') return
    const old = random.pick(this.#snapshots)
    const history = random.chance(0.5) ? store.history : `history-${(this.#histories += 1)}`
    const unaware = engines.filter(({ host }) => !knowsBetter(host, old, history))
    if (unaware.length === engines.length || unaware.some(one => lostClaims(world, one, old)))
      return
    this.#mustLive = engines.filter(({ host }) => !old.rows.has(hostKey(host.name)))
    for (const { host } of unaware) {
      host.kill()
      host.isKeptDown = true
    }
    for (const { host } of this.#mustLive) {
      host.goOn()
      host.cut(false)
      host.start()
    }
    world.setBack(old, history)
    if (history !== this.#history) await this.#restartAll()
    this.#history = history
    if (random.chance(0.7)) await world.until(() => gateOf(world)?.state === 'needed')
    await world.sleep(random.next() * 10_000)
    await this.#untilRecovered(unaware)
    this.#mustLive = []
  }

  async #restartAll(): Promise<void> {
    for (const { host } of this.#world.engines) {
      if (!host.isRunning) continue
      host.kill()
      host.start()
    }
  }

  /** @param away hosts that come back when the store knows that it was set back */
  async #untilRecovered(away: readonly Engine[] = []): Promise<void> {
    const world = this.#world
    const aware = world.engines.filter(engine => !away.includes(engine))
    for (;;) {
      const by = world.random.pick(aware)
      if (!by.host.isRunning) await world.sleep(100)
      const outcome = await world.recover(by)
      if (outcome.is === 'answered') break
      await world.sleep(500)
    }
    for (const { host } of away) {
      host.isKeptDown = false
      host.start()
    }
    await world.until(() => gateOf(world)?.state === 'closed')
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
    await world.sleep(LATEST_MS)
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

const gateOf = ({ store }: World) => readRecovery(store.get(RECOVERY))

/** Whether the host can tell by itself that the store was set back to `old`. */
function knowsBetter({ name, disk }: Host, { rows }: Snapshot, history: string): boolean {
  const host = readHost(rows.get(hostKey(name)))
  const seen = readSeen(rows.get(seenKey(name)))
  const gate = readRecovery(rows.get(RECOVERY))
  const standing = standingOf(disk.notes, { history, host, seen, gate })
  return standing.is === 'recovering' || (standing.is === 'barred' && standing.findsSetBack)
}

/** Whether the host has what the store did not know at the time. */
function lostClaims({ store }: World, { host }: Engine, { rows }: Snapshot): boolean {
  const { addressEntries, poolEntries } = host.disk
  const isKnown = (key: string, op: string) => {
    const record = readAddress(rows.get(key))
    return record?.state === 'used' && record.op === op
  }
  if ([...addressEntries].some(([key, { op }]) => !isKnown(key, op))) return true
  return [...poolEntries.keys()].some(id => {
    const { segment, subnet } = parsePoolId(id)
    const key = poolKey(segment, subnet)
    return rows.get(key)?.value !== store.get(key)?.value
  })
}
