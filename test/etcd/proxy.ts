import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'

type Delays = { readonly requestMs: number; readonly answerMs: number }
type Mode = 'pass' | 'refuse' | 'stall' | 'hold'
type Link = { readonly client: Socket; readonly server: Socket; swallowed: boolean }

const HOST = '127.0.0.1'
const NO_DELAYS = { requestMs: 0, answerMs: 0 }

/** Stands in front of an endpoint and does to its connections what networks do. Begins with `pass`. */
export class Proxy {
  readonly port: number
  readonly #target: number
  readonly #links = new Set<Link>()
  #server: Server | undefined
  #mode: Mode = 'pass'
  #delays: Delays = NO_DELAYS
  #held = Promise.withResolvers<void>()

  private constructor(target: number, server: Server) {
    this.#target = target
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', client => this.#accept(client))
  }

  /** @param target a port of this machine */
  static async start(t: Test | undefined, target: number): Promise<Proxy> {
    const proxy = new Proxy(target, await listen(0))
    t?.teardown(() => proxy.end())
    return proxy
  }

  get url(): string {
    return `http://${HOST}:${this.port}`
  }

  /** All is as without a proxy. What was held goes on its way; who was stalled is cut off. */
  async pass(): Promise<void> {
    this.#delays = NO_DELAYS
    await this.#change('pass')
  }

  /** As if the process behind it were gone: connections break, and new ones are refused. */
  async refuse(): Promise<void> {
    await this.#change('refuse')
    this.cut()
  }

  /** As if the machine behind it were frozen: connections are taken, and what is sent is lost. */
  async stall(): Promise<void> {
    await this.#change('stall')
  }

  /** Requests arrive; their answers wait for `release()` or `pass()`. */
  async holdAnswers(): Promise<void> {
    await this.#change('hold')
  }

  /** What is held goes on its way; answers that come after it are held again. */
  release(): void {
    this.#held.resolve()
    this.#held = Promise.withResolvers<void>()
  }

  /** All that arrives from now on goes on later, in order. */
  delay(delays: Partial<Delays>): void {
    this.#delays = { ...NO_DELAYS, ...delays }
  }

  /** Breaks every connection; new ones are treated as before. */
  cut(): void {
    for (const link of this.#links) this.#breakUp(link)
  }

  end(): void {
    this.#server?.close()
    this.#server = undefined
    this.cut()
  }

  async #change(mode: Mode): Promise<void> {
    this.#mode = mode
    for (const link of this.#links) if (link.swallowed) this.#breakUp(link)
    if (mode !== 'hold') this.release()
    if (mode === 'refuse') {
      this.#server?.close()
      this.#server = undefined
    } else if (!this.#server) {
      this.#server = await listen(this.port)
      this.#server.on('connection', client => this.#accept(client))
    }
  }

  #accept(client: Socket): void {
    const link = { client, server: connect(this.#target, HOST), swallowed: false }
    this.#links.add(link)
    this.#forward(link, client, link.server, 'requestMs')
    this.#forward(link, link.server, client, 'answerMs')
  }

  #forward(link: Link, from: Socket, to: Socket, delay: keyof Delays): void {
    from.setNoDelay()
    let sent = Promise.resolve()
    const inTurn = (act: () => void) => {
      const due = performance.now() + this.#delays[delay]
      sent = sent.then(async () => {
        if (due > performance.now()) await sleep(due - performance.now(), undefined, { ref: false })
        if (delay === 'answerMs' && this.#mode === 'hold') await this.#held.promise
        if (this.#mode === 'stall') link.swallowed = true
        else act()
      })
    }
    from.on('data', data => inTurn(() => to.write(data)))
    from.on('end', () => inTurn(() => to.end()))
    from.on('error', () => from.destroy())
    from.on('close', () => inTurn(() => this.#breakUp(link)))
  }

  #breakUp(link: Link): void {
    this.#links.delete(link)
    link.client.destroy()
    link.server.destroy()
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }).listen(port, HOST)
  await once(server, 'listening')
  return server
}
