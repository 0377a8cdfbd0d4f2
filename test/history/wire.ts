import type { Member } from '../etcd/etcd.ts'
import { Proxy } from '../etcd/proxy.ts'

/** Long enough for whoever asked to have given up, and settled what it did not know. */
const STRANDED_MS = 6000

/** All ways of one host to etcd: a proxy in front of each member. */
export class Wire {
  readonly urls: readonly string[]
  readonly #proxies: readonly Proxy[]

  private constructor(proxies: readonly Proxy[]) {
    this.#proxies = proxies
    this.urls = proxies.map(({ url }) => url)
  }

  /** @param first the number of the member that the host prefers */
  static async open(members: readonly Member[], first: number): Promise<Wire> {
    const inOrder = members.map((_, i) => members[(first + i) % members.length])
    const ports = inOrder.flatMap(member => (member ? [member.port] : []))
    return new Wire(await Promise.all(ports.map(async port => await Proxy.start(undefined, port))))
  }

  /** Everything goes through again, and what was held goes on. */
  async pass(): Promise<void> {
    await this.#each(async proxy => await proxy.pass())
  }

  /** Breaks all connections there are. */
  cut(): void {
    for (const proxy of this.#proxies) proxy.cut()
  }

  /** Connections are taken, and what is sent is lost. */
  async partition(): Promise<void> {
    await this.#each(async proxy => await proxy.stall())
  }

  /** Everything takes so much longer, in each direction. */
  delay(ms: number): void {
    for (const proxy of this.#proxies) proxy.delay({ requestMs: ms, answerMs: ms })
  }

  /** Requests to all members but one, or to the only one, arrive, and their answers do not, before all is well again. */
  async answerLate(): Promise<void> {
    const some = this.#proxies.slice(0, Math.max(1, this.#proxies.length - 1))
    await Promise.all(some.map(async proxy => await proxy.holdAnswers()))
  }

  /** What is asked until `land` arrives long after everybody has given it up; what is asked then arrives before it. */
  strand(): void {
    for (const proxy of this.#proxies) proxy.delay({ requestMs: STRANDED_MS })
  }

  land(): void {
    for (const proxy of this.#proxies) proxy.delay({})
  }

  close(): void {
    for (const proxy of this.#proxies) proxy.end()
  }

  async #each(act: (proxy: Proxy) => Promise<void>): Promise<void> {
    await Promise.all(this.#proxies.map(act))
  }
}
