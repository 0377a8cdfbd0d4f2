import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

const DEADLINE_MS = 20_000
const HEAD_END = '\r\n\r\n'

/** The bytes of one request, made before the clock starts. */
export function request(method: string, body: object, driver = 'IpamDriver'): Buffer {
  const json = JSON.stringify(body)
  const head = `POST /${driver}.${method} HTTP/1.1\r\nHost: plugin\r\nContent-Length: ${Buffer.byteLength(json)}`
  return Buffer.from(head + HEAD_END + json)
}

/**
 * One kept-alive connection to a plugin's socket, for one request at a time. It reads no more of HTTP than the plugin
 * server writes: the measure is the server, so the client must cost next to nothing.
 */
export class Connection {
  readonly #socket: Socket
  #received = ''
  #waiting: PromiseWithResolvers<string> | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => this.#take(text))
    socket.on('close', () => this.#waiting?.reject(new Error('The server hung up')))
    socket.on('timeout', () => socket.destroy())
    socket.on('error', () => {})
  }

  /** @throws {Error} where nothing listens */
  static async open(path: string): Promise<Connection> {
    const socket = connect(path)
    await once(socket, 'connect')
    return new Connection(socket)
  }

  /** The body of the answer. @throws {Error} for any status but 200, and where no answer comes in time */
  async send(bytes: Buffer): Promise<string> {
    if (this.#socket.destroyed) throw new Error('The server has hung up')
    this.#waiting = Promise.withResolvers()
    this.#socket.setTimeout(DEADLINE_MS)
    this.#socket.write(bytes)
    return await this.#waiting.promise
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(text: string): void {
    this.#received += text
    const bodyAt = this.#received.indexOf(HEAD_END) + HEAD_END.length
    if (bodyAt < HEAD_END.length) return
    const head = this.#received.slice(0, bodyAt)
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
    if (this.#received.length < bodyAt + length) return
    const body = this.#received.slice(bodyAt)
    this.#received = ''
    // Between two requests it may idle for as long as others are measured.
    this.#socket.setTimeout(0)
    if (head.startsWith('HTTP/1.1 200 ')) this.#waiting?.resolve(body)
    else this.#waiting?.reject(new Error(`The server answered ${head.slice(9, 12)}: ${body}`))
  }
}
