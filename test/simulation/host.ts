import { parseSubnet } from '../../ipam-plugin/addresses.ts'
import { adopt } from '../../ipam-plugin/adoption.ts'
import { ipamMethods } from '../../ipam-plugin/driver.ts'
import { startIpam } from '../../ipam-plugin/ipam.ts'
import type { Ipam } from '../../ipam-plugin/ipam.ts'
import { Refusal } from '../../shared/refusal.ts'
import type { Random } from '../history/random.ts'
import { Disk } from './disk.ts'
import { Client } from './memory-store.ts'
import type { Faults, MemoryStore } from './memory-store.ts'
import { Life } from './virtual-time.ts'
import type { VirtualTime } from './virtual-time.ts'

const TEND_EVERY_MS = 2000
const DEFAULT_POOLS = [{ base: parseSubnet('10.5.0.0/27'), length: 29 }]

/** What became of a call; `lost`: the plugin died, and nobody knows. */
export type Outcome =
  | { readonly is: 'answered'; readonly body: Readonly<Record<string, unknown>> }
  | { readonly is: 'refused'; readonly code: string; readonly why: string }
  | { readonly is: 'failed'; readonly error: unknown }
  | { readonly is: 'lost' }

type Parts = {
  readonly name: string
  readonly store: MemoryStore
  readonly time: VirtualTime
  readonly random: Random
  readonly beatEveryMs: number
  /** Told of what the plugin throws that is neither an outage nor a refusal. */
  readonly onFault: (error: unknown) => void
  readonly onReport: (line: string) => void
}

/** A machine: its disk, and the plugin on it while it runs. */
export class Host {
  readonly #parts: Parts
  readonly disk: Disk
  faults: Faults
  /** Nobody starts it meanwhile. */
  isKeptDown = false
  #boot = 1
  #isCut = false
  #life: Life | undefined
  #client: Client | undefined
  #starting: Promise<Ipam> | undefined
  #ipam: Ipam | undefined

  constructor(parts: Parts, faults: Faults) {
    this.#parts = parts
    this.disk = new Disk(parts.time, parts.random)
    this.faults = faults
  }

  get name(): string {
    return this.#parts.name
  }

  get boot(): string {
    return `${this.name}-boot-${this.#boot}`
  }

  get isRunning(): boolean {
    return this.#life !== undefined
  }

  /** Undefined until the plugin has read its journal. */
  get ipam(): Ipam | undefined {
    return this.#ipam
  }

  get client(): Client {
    if (!this.#client) throw new Error(`${this.name} is not running`)
    return this.#client
  }

  get isServing(): boolean {
    const { membership, registration } = this.#ipam ?? {}
    return membership?.state.is === 'serving' && registration?.place.isIntact === true
  }

  start(): void {
    if (this.#life || this.isKeptDown) return
    const { store, time, random, beatEveryMs, name, onReport } = this.#parts
    const life = new Life()
    this.#life = life
    const client = new Client(store, time, random, life, this.faults)
    client.isCut = this.#isCut
    this.#client = client
    const host = { id: name, name, boot: this.boot, machine: { product: '', macs: [] } }
    this.#starting = time.within(life, async () => {
      const ipam = await startIpam({
        store: client,
        isShared: true,
        journal: this.disk,
        notes: this.disk,
        host,
        defaultPools: DEFAULT_POOLS,
        report: (level, message, details) =>
          onReport(`${name} ${level}: ${message} ${JSON.stringify(details ?? {})}`),
        barred: () => undefined,
        beatEveryMs,
      })
      this.#ipam = ipam
      return ipam
    })
    this.#starting.catch(this.#parts.onFault)
    void time.within(life, () => this.#tendNowAndThen())
  }

  /** kill -9: what was sent to the store may still arrive. */
  kill(): void {
    this.#life?.kill()
    this.#life = undefined
    this.#ipam = undefined
    this.#client = undefined
  }

  /** What is not synced is lost, and the next start is in another boot. */
  cutPower(): void {
    this.kill()
    this.disk.cutPower()
    this.#boot += 1
  }

  stop(): void {
    this.#life?.stop()
  }

  goOn(): void {
    this.#life?.goOn()
  }

  cut(isCut: boolean): void {
    this.#isCut = isCut
    if (this.#client) this.#client.isCut = isCut
  }

  setFaults(faults: Faults): void {
    this.faults = faults
    if (this.#client) this.#client.faults = faults
  }

  /** What the engine asks. */
  async call(
    method: string,
    body: object,
    caller = new AbortController().signal,
  ): Promise<Outcome> {
    return await this.within(async ipam => {
      const found = ipamMethods(async () => ipam)[`IpamDriver.${method}`]
      if (!found) throw new Error(`There is no method ${method}`)
      return { ...(await found(structuredClone(body), { caller, note: () => {} })) }
    })
  }

  /** The operator's word that this machine is the host that the store knows. */
  async adopt(): Promise<Outcome> {
    return await this.within(async ({ store, registration, pools, membership }) => {
      await adopt(store, this.disk, registration)
      await pools.load()
      await membership.tend()
      return {}
    })
  }

  /** Runs `job` in the plugin's process. */
  async within(job: (ipam: Ipam) => Promise<object>): Promise<Outcome> {
    const life = this.#life
    const starting = this.#starting
    if (!life || !starting) return { is: 'lost' }
    const answer = this.#parts.time.within(life, async (): Promise<Outcome> => {
      try {
        return { is: 'answered', body: { ...(await job(await starting)) } }
      } catch (error) {
        if (error instanceof Refusal) return { is: 'refused', code: error.code, why: error.message }
        return { is: 'failed', error }
      }
    })
    return await Promise.race([answer, life.ended.then(() => ({ is: 'lost' }) as const)])
  }

  async #tendNowAndThen(): Promise<void> {
    const { time, onFault } = this.#parts
    const ipam = await this.#starting?.catch(() => undefined)
    for (;;) {
      await time.sleep(TEND_EVERY_MS)
      void ipam?.membership.tend().catch(onFault)
    }
  }
}
