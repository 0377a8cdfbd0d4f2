import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type RawAnswer = { readonly status: number; readonly head: string; readonly body: unknown }

/**
 * A connection that sends exactly the bytes it is told, as the engine's client may and Node's would not: no
 * Content-Type, no body where one is due, half a request.
 */
export class RawConnection {
  readonly socket: Socket
  #received = ''

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => (this.#received += text))
    socket.on('error', () => {})
  }

  static async open(path: string): Promise<RawConnection> {
    const socket = connect(path)
    await once(socket, 'connect')
    return new RawConnection(socket)
  }

  async post(name: string, body?: string, headers: readonly string[] = []): Promise<RawAnswer> {
    this.send(name, body, headers)
    return await this.answer()
  }

  send(name: string, body?: string, headers: readonly string[] = []): void {
    const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
    const head = [`POST /${name} HTTP/1.1`, 'Host: plugin', ...length, ...headers]
    this.socket.write(`${head.join('\r\n')}\r\n\r\n${body ?? ''}`)
  }

  /** @throws {Error} where the connection ends, or ten seconds pass, before a whole answer came */
  async answer(): Promise<RawAnswer> {
    for (let waited = 0; waited < 10_000; waited += 2) {
      const parsed = parse(this.#received)
      if (parsed) {
        this.#received = ''
        return parsed
      }
      if (this.socket.closed) throw new Error('The connection was closed without an answer')
      await sleep(2)
    }
    throw new Error('No answer came')
  }

  end(): void {
    this.socket.destroy()
  }
}

function parse(received: string): RawAnswer | undefined {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = received.slice(0, end)
  const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0)
  const body = received.slice(end + 4)
  if (Buffer.byteLength(body) < length) return undefined
  return { status: Number(head.split(' ')[1]), head, body: JSON.parse(body) as unknown }
}
