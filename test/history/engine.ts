import { setTimeout as sleep } from 'node:timers/promises'
import { Gate } from './gate.ts'
import { NotDelivered } from './instance.ts'
import type { Instance } from './instance.ts'
import type { PoolPlan } from './pools.ts'
import type { Asked, Outcome, Recorder } from './record.ts'

const MAC = 'com.docker.network.endpoint.macaddress'
const GATEWAY = { RequestAddressType: 'com.docker.network.gateway' }
/** An engine's `--timeout`; longer than an instance is stopped. */
const TIMEOUT_MS = 8000
const AGAIN_AFTER_MS = 100
/** So many of the released addresses may be released once more. */
const STALE = 20
/** Longer than any fault lasts: what is not delivered by then never will be. */
const GIVE_UP_MS = 60_000

const GONE: Outcome = { is: 'unknown', why: 'the host went down' }

/** What an engine's plugin client does on one host, and what it knows. Everything that it hears is recorded. */
export class Engine {
  readonly host: string
  /** Pools of which the plugin said that there is no network here, although there is. */
  readonly missing = new Set<PoolPlan>()
  readonly #instance: Instance
  readonly #recorder: Recorder
  readonly #gate = new Gate()
  readonly #held = new Set<string>()
  /** Addresses that were released, the last at the end. */
  #released: { readonly pool: PoolPlan; readonly address: string }[] = []
  #macs = 0
  #boots = 0

  constructor(host: string, instance: Instance, recorder: Recorder) {
    this.host = host
    this.#instance = instance
    this.#recorder = recorder
  }

  /** An endpoint's address, or undefined where it gets none. */
  async request(
    pool: PoolPlan,
    { address, hangUpMs }: { address?: string | undefined; hangUpMs?: number | undefined },
  ): Promise<string | undefined> {
    const mac = `02:42:${this.host.replace('host-', '')}:${(this.#macs += 1)}`
    const asked: Asked = { do: 'request', mac, ...(address ? { address } : {}) }
    const body = { PoolID: pool.id, Address: address ?? '', Options: { [MAC]: mac } }
    const outcome = await this.#gate.pass(
      async () => await this.#ask(pool, asked, 'RequestAddress', body, hangUpMs),
    )
    if (outcome.is !== 'ok' || outcome.address === undefined) return undefined
    this.#held.add(outcome.address)
    return outcome.address
  }

  /** The engine forgets the address, whatever the answer is. */
  async release(pool: PoolPlan, address: string, hangUpMs?: number): Promise<void> {
    this.#held.delete(address)
    const body = { PoolID: pool.id, Address: address }
    const asked: Asked = { do: 'release', address }
    const outcome = await this.#gate.pass(
      async () => await this.#ask(pool, asked, 'ReleaseAddress', body, hangUpMs),
    )
    if (outcome.is === 'ok') this.#released = [...this.#released, { pool, address }].slice(-STALE)
  }

  /**
   * Releases once more what was released long since, as an engine does that cleans up after its own crash; not while
   * anything is asked for, since then it might be told to just that endpoint.
   */
  async releaseStale(pick: number): Promise<void> {
    await this.#gate.alone(async () => {
      const stale = this.#released[Math.floor(pick * this.#released.length)]
      if (!stale || this.#held.has(stale.address)) return
      const asked: Asked = { do: 'release', address: stale.address }
      const body = { PoolID: stale.pool.id, Address: stale.address }
      let outcome: Outcome
      do outcome = await this.#ask(stale.pool, asked, 'ReleaseAddress', body)
      while (outcome.is === 'unknown' && outcome !== GONE)
    })
  }

  /** A network, with its gateway and auxiliary addresses; where one of them fails, only the pool is released. */
  async createNetwork(pool: PoolPlan): Promise<boolean> {
    const { subnet: Pool, range: SubPool, options: Options } = pool
    const order = { AddressSpace: 'berth', Pool, SubPool, Options, V6: Pool.includes(':') }
    const joined = await this.#ask(pool, { do: 'join' }, 'RequestPool', order)
    if (joined.is !== 'ok') return false
    const { gateway, aux } = pool
    const wanted = gateway === undefined ? {} : { address: gateway }
    const whole =
      (await this.#share(pool, { do: 'gateway', ...wanted }, GATEWAY)) &&
      (await all(aux, async address => await this.#share(pool, { do: 'aux', address }, null)))
    if (!whole) await this.removeNetwork(pool)
    return whole
  }

  async removeNetwork(pool: PoolPlan): Promise<void> {
    await this.#ask(pool, { do: 'leave' }, 'ReleasePool', { PoolID: pool.id })
  }

  /** The host has booted anew: no container is left, and nothing of what was asked before is asked any more. */
  reboot(): void {
    this.#boots += 1
    this.#held.clear()
    this.#released = []
  }

  async #share(
    pool: PoolPlan,
    asked: Asked & { readonly do: 'gateway' | 'aux' },
    Options: object | null,
  ): Promise<boolean> {
    const body = { PoolID: pool.id, Address: asked.address ?? '', Options }
    return (await this.#ask(pool, asked, 'RequestAddress', body)).is === 'ok'
  }

  /** Asks until it is delivered; what breaks off then is asked again without its body, as engines do. */
  async #ask(
    pool: PoolPlan,
    asked: Asked,
    method: string,
    body: object,
    hangUpMs = TIMEOUT_MS,
  ): Promise<Outcome> {
    const text = `${JSON.stringify(body)}\n`
    const outcome = await this.#deliver(pool, asked, method, text, hangUpMs)
    if (outcome.is === 'refused' && /not in use on this host|evicted/.test(outcome.why)) {
      this.missing.add(pool)
    }
    if (outcome.is === 'unknown' && outcome !== GONE) {
      await sleep(AGAIN_AFTER_MS)
      await this.#deliver(pool, { do: 'retry', method }, method, '', TIMEOUT_MS)
    }
    return outcome
  }

  async #deliver(
    pool: PoolPlan,
    asked: Asked,
    method: string,
    text: string,
    hangUpMs: number,
  ): Promise<Outcome> {
    const boot = this.#boots
    const giveUp = performance.now() + GIVE_UP_MS
    for (;;) {
      const end = this.#recorder.call({ host: this.host, pool: pool.id, asked })
      const answer = await this.#attempt(method, text, hangUpMs)
      const outcome = boot === this.#boots ? answer : GONE
      end(answer && outcome)
      if (outcome) return outcome
      if (performance.now() > giveUp) throw new Error(`Nothing listens on ${this.host}`)
      await sleep(AGAIN_AFTER_MS)
    }
  }

  /** Undefined where nothing listens. */
  async #attempt(method: string, text: string, hangUpMs: number): Promise<Outcome | undefined> {
    try {
      const { status, body } = await this.#instance.call(
        method,
        text,
        AbortSignal.timeout(hangUpMs),
      )
      if (status !== 200) return { is: 'refused', why: String(body['Err']) }
      const given = body['Address']
      return typeof given === 'string' && given !== ''
        ? { is: 'ok', address: given.replace(/\/\d+$/, '') }
        : { is: 'ok' }
    } catch (error) {
      if (error instanceof NotDelivered) return undefined
      return { is: 'unknown', why: (error as Error).message }
    }
  }
}

async function all<T>(items: readonly T[], holds: (item: T) => Promise<boolean>): Promise<boolean> {
  for (const item of items) if (!(await holds(item))) return false
  return true
}
