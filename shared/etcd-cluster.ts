import { setTimeout as sleep } from 'node:timers/promises'
import type { IRangeRequest } from 'etcd3'
import { EtcdEndpoint } from './etcd-endpoint.ts'
import type { Calls } from './etcd-endpoint.ts'
import { EtcdFault } from './etcd-errors.ts'
import type { EtcdLog, EtcdOptions } from './etcd-options.ts'
import { OutcomeUnknown, StoreUnavailable } from './store.ts'

/** Of one call, all endpoints and the wait for one included. */
const CALL_MS = 1000
/** Of one transaction at one of several endpoints. */
const TRANSACTION_MS = 700
/** An outage may be the blink of an election: calls wait this long for its end, counted from its begin. */
const PATIENCE_MS = 500
const PROBE_MS = 500
const PROBE_PAUSE_MS = 300
/** While calls wait for its answer. */
const IMPATIENT_PROBE_PAUSE_MS = 50

type Outage = { readonly since: number; readonly over: Promise<void>; readonly end: () => void }

/**
 * The endpoints as one. Calls stay with an endpoint while it works and go on to the next when it fails; when all have
 * failed, calls are refused at once until a probe finds one that is back.
 */
export class EtcdCluster {
  readonly #endpoints: readonly EtcdEndpoint[]
  readonly #probe: IRangeRequest
  readonly #log: EtcdLog | undefined
  /** Of each endpoint that failed and has not answered since. */
  readonly #faults = new Map<EtcdEndpoint, EtcdFault>()
  #preferred = 0
  #outage: Outage | undefined
  #closed = false

  /** @param probe a read that the user may do */
  constructor(options: EtcdOptions, probe: IRangeRequest) {
    this.#endpoints = options.endpoints.map(url => new EtcdEndpoint(url, options))
    this.#probe = probe
    this.#log = options.log
  }

  /**
   * A request that surely was not carried out is given to the next endpoint, and so is any read. A transaction that may
   * have been is not.
   *
   * @throws {StoreUnavailable} it was not carried out
   * @throws {OutcomeUnknown} of a transaction alone
   * @throws {Error} it was not carried out, and will not be before somebody mends what the message says
   */
  async call<M extends keyof Calls>(
    method: M,
    request: Calls[M]['request'],
  ): Promise<Calls[M]['answer']> {
    const until = performance.now() + CALL_MS
    for (;;) {
      const outage = this.#outage
      if (outage) await waitFor(outage.over, Math.min(until, outage.since + PATIENCE_MS))
      this.#expectReachable(until)
      const answer = await this.#callAny(method, request, until)
      if (answer) return answer
    }
  }

  close(): void {
    this.#closed = true
    this.#outage?.end()
    for (const endpoint of this.#endpoints) endpoint.close()
  }

  #expectReachable(until: number): void {
    if (this.#closed) throw new StoreUnavailable('The store was closed')
    if (this.#outage || performance.now() >= until) throw new StoreUnavailable(this.#reasons())
  }

  async #callAny<M extends keyof Calls>(
    method: M,
    request: Calls[M]['request'],
    until: number,
  ): Promise<Calls[M]['answer'] | undefined> {
    const { length } = this.#endpoints
    const first = this.#preferred
    for (let i = 0; i < length && !this.#closed; i++) {
      const endpoint = this.#endpoints[(first + i) % length]
      const left = until - performance.now()
      if (!endpoint || left <= 0) break
      // What may be asked again is given up early enough for another endpoint to answer it.
      const share = i < length - 1 ? left / 2 : left
      const limits = { connectMs: share, ms: method === 'txn' ? this.#patienceFor(left) : share }
      try {
        const answer = await endpoint.call(method, request, limits)
        this.#worked(endpoint)
        return answer
      } catch (error) {
        const fault = this.#noteFault(endpoint, error)
        if (method === 'txn' && fault.verdict === 'unknown')
          throw new OutcomeUnknown(
            `etcd at ${endpoint.url} may have written it, or not: ${fault.message}`,
            { cause: fault },
          )
      }
    }
    return undefined
  }

  /** Whoever repeats a transaction that was not answered must have the time to: at another endpoint, where there is one. */
  #patienceFor(left: number): number {
    return this.#endpoints.length > 1 ? Math.min(left, TRANSACTION_MS) : left
  }

  /** @throws {Error} for a fault that another endpoint would have as well */
  #noteFault(endpoint: EtcdEndpoint, error: unknown): EtcdFault {
    if (!(error instanceof EtcdFault)) throw error
    if (error.verdict === 'wrong' || error.verdict === 'token') {
      this.#worked(endpoint)
      throw new Error(`etcd at ${endpoint.url} refused: ${error.message}`, { cause: error })
    }
    this.#failed(endpoint, error)
    return error
  }

  #failed(endpoint: EtcdEndpoint, fault: EtcdFault): void {
    if (!this.#faults.has(endpoint))
      this.#log?.warn({ endpoint: endpoint.url, reason: fault.message }, 'etcd endpoint failed')
    this.#faults.set(endpoint, fault)
    if (this.#endpoints[this.#preferred] === endpoint)
      this.#preferred = (this.#preferred + 1) % this.#endpoints.length
    if (this.#faults.size === this.#endpoints.length) this.#beginOutage()
  }

  #worked(endpoint: EtcdEndpoint): void {
    if (this.#faults.size === 0) return
    if (this.#faults.delete(endpoint))
      this.#log?.info({ endpoint: endpoint.url }, 'etcd endpoint answers again')
    if (!this.#outage) return
    this.#preferred = this.#endpoints.indexOf(endpoint)
    this.#outage.end()
    this.#outage = undefined
  }

  #beginOutage(): void {
    if (this.#outage || this.#closed) return
    const { promise: over, resolve: end } = Promise.withResolvers<void>()
    this.#outage = { since: performance.now(), over, end }
    void this.#probeUntilBack(this.#outage)
  }

  async #probeUntilBack(outage: Outage): Promise<void> {
    while (this.#outage === outage && !this.#closed) {
      await Promise.all(this.#endpoints.map(endpoint => this.#probeOnce(endpoint)))
      const isYoung = performance.now() < outage.since + PATIENCE_MS
      const pause = isYoung ? IMPATIENT_PROBE_PAUSE_MS : PROBE_PAUSE_MS
      await sleep(pause, undefined, { ref: false })
    }
  }

  async #probeOnce(endpoint: EtcdEndpoint): Promise<void> {
    try {
      await endpoint.call('range', this.#probe, { connectMs: PROBE_MS, ms: PROBE_MS })
      this.#worked(endpoint)
    } catch (error) {
      // A refusal is an answer.
      if (error instanceof EtcdFault && ['away', 'unknown'].includes(error.verdict))
        this.#faults.set(endpoint, error)
      else this.#worked(endpoint)
    }
  }

  #reasons(): string {
    const reasons = this.#endpoints.map(endpoint => {
      const fault = this.#faults.get(endpoint)
      return fault ? `${endpoint.url}: ${fault.message}` : endpoint.url
    })
    return `etcd cannot be reached (${reasons.join('; ')})`
  }
}

/** Waits for `promise`, but not beyond the moment `until`. */
async function waitFor(promise: Promise<void>, until: number): Promise<void> {
  const ms = until - performance.now()
  if (ms <= 0) return
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  await Promise.race([promise, late])
  clearTimeout(timer)
}
