import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from './engine.ts'
import type { PoolPlan } from './pools.ts'
import type { Step } from './steps.ts'

/** A lane runs this many containers at most. */
const ROOM = 4
const AGAIN_AFTER_MS = 300

type Container = { readonly pool: PoolPlan; readonly address: string }

/** Containers of one host that start and stop one after the other; several lanes of a host go on side by side. */
export class Lane {
  readonly #engine: Engine
  /** The pools to start containers on; the last of them only in the lane that makes and removes networks. */
  readonly #pools: readonly PoolPlan[]
  readonly #makesNetworks: boolean
  #running: Container[] = []
  #extra: PoolPlan | undefined

  constructor(engine: Engine, pools: readonly PoolPlan[], makesNetworks: boolean) {
    this.#engine = engine
    this.#pools = makesNetworks ? pools : pools.slice(0, -1)
    this.#makesNetworks = makesNetworks
  }

  async run(steps: Iterable<Step>, signal: AbortSignal): Promise<void> {
    for (const step of steps) {
      await sleep(step.afterMs)
      if (signal.aborted) return
      await this.#take(step, signal)
    }
  }

  /** All its containers are gone, and no engine was there to release their addresses. */
  forgetContainers(): void {
    this.#running = []
  }

  async #take(step: Step, signal: AbortSignal): Promise<void> {
    if (this.#makesNetworks) await this.#restoreNetworks(signal)
    switch (step.do) {
      case 'start':
        return this.#running.length < ROOM ? await this.#start(step) : await this.#stop(step)
      case 'stop':
        return this.#running.length > 1 ? await this.#stop(step) : await this.#start(step)
      case 'network':
        return await this.#toggleNetwork(pickFrom(this.#pools, step.pool))
      case 'rebuild':
        return await this.#rebuild(signal)
      case 'stale':
        return await this.#engine.releaseStale(step.pick)
    }
  }

  async #start({ pool: of, ip, hangUpMs }: Step): Promise<void> {
    const pool = pickFrom(this.#pools, of)
    const wanted = ip === undefined ? undefined : pool.static.replace('*', String(ip))
    const address = await this.#engine.request(pool, { address: wanted, hangUpMs })
    if (address !== undefined) this.#running.push({ pool, address })
  }

  /** Any but the one that runs longest: that one sees all that happens. */
  async #stop({ pick, hangUpMs }: Step): Promise<void> {
    const container = pickFrom(this.#running.slice(1), pick)
    this.#running = this.#running.filter(one => one !== container)
    await this.#engine.release(container.pool, container.address, hangUpMs)
  }

  async #toggleNetwork(pool: PoolPlan): Promise<void> {
    const extra = this.#extra
    this.#extra = undefined
    if (extra) await this.#engine.removeNetwork(extra)
    else if (await this.#engine.createNetwork(pool)) this.#extra = pool
  }

  /** The last pool is used by this lane alone: it goes, with all that is on it, and comes again. */
  async #rebuild(signal: AbortSignal): Promise<void> {
    const pool = this.#pools.at(-1)
    if (!pool) return
    for (const { address } of this.#running.filter(one => one.pool === pool)) {
      await this.#engine.release(pool, address)
    }
    this.#running = this.#running.filter(one => one.pool !== pool)
    if (this.#extra === pool) await this.#engine.removeNetwork(pool)
    this.#extra = this.#extra === pool ? undefined : this.#extra
    await this.#engine.removeNetwork(pool)
    await createUntilItIs(this.#engine, pool, signal)
  }

  /** What an operator does where the plugin knows a network no more: remove it, and create it again. */
  async #restoreNetworks(signal: AbortSignal): Promise<void> {
    for (const pool of this.#engine.missing) {
      this.#engine.missing.delete(pool)
      await this.#engine.removeNetwork(pool)
      await createUntilItIs(this.#engine, pool, signal)
    }
  }
}

export async function createUntilItIs(
  engine: Engine,
  pool: PoolPlan,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted && !(await engine.createNetwork(pool))) await sleep(AGAIN_AFTER_MS)
}

function pickFrom<T>(list: readonly T[], fraction: number): T {
  const picked = list[Math.floor(fraction * list.length)]
  if (picked === undefined) throw new Error('There is nothing to pick from')
  return picked
}
