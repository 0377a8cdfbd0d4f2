import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import * as v from '@badrap/valita'
import { Failure, NobodyThere, Refused } from './failure.ts'

/** Longer than the plugin holds a request while it starts. */
const DEADLINE_MS = 30_000

const refused = v.object({ error: v.string(), code: v.string().optional() })

/** The plugin's admin API, on the unix socket where it serves this host's operator. */
export class AdminClient {
  /** Its path. */
  readonly socket: string
  /** What names another one. */
  readonly variable: string
  readonly #deadlineMs: number

  /** @param variable of the environment, which names another socket */
  constructor(socket: string, deadlineMs = DEADLINE_MS, variable = 'BERTH_SOCKET') {
    this.socket = socket
    this.#deadlineMs = deadlineMs
    this.variable = variable
  }

  /**
   * What the plugin answered, with also what `type` does not name.
   *
   * @throws {Refused} with the plugin's sentence
   * @throws {Failure} with why there is no answer; `NobodyThere` where there is no plugin
   */
  async get<T>(path: string, type: v.Type<T>): Promise<T> {
    return decode(await this.#ask('GET', path, undefined, this.#deadlineMs), path, type)
  }

  /** As `get`. What was asked may be done even if it throws; asked again, the plugin goes on with it. */
  async post<T>(
    path: string,
    type: v.Type<T>,
    body: object = {},
    deadlineMs = this.#deadlineMs,
  ): Promise<T> {
    return decode(await this.#ask('POST', path, JSON.stringify(body), deadlineMs), path, type)
  }

  async #ask(method: string, path: string, body: string | undefined, deadlineMs: number) {
    const signal = AbortSignal.timeout(deadlineMs)
    try {
      const sent = request({ socketPath: this.socket, path, method, signal, agent: false })
      sent.end(body)
      const [answer] = (await once(sent, 'response')) as [IncomingMessage]
      // The answer's own error says as much; nobody else listens for the request's any more.
      sent.on('error', () => {})
      return { status: answer.statusCode, body: await text(answer) }
    } catch (error) {
      if (!signal.aborted) throw unreachable(this.socket, this.variable, error)
      const seconds = deadlineMs / 1000
      const again = method === 'GET' ? '' : '; what it has begun may go on: run the command again'
      throw new Failure(
        `The plugin at ${this.socket} has not answered within ${seconds} s${again}`,
        { cause: error },
      )
    }
  }
}

function decode<T>(
  { status, body }: { status: number | undefined; body: string },
  path: string,
  type: v.Type<T>,
): T {
  const value = parseJson(body)
  if (status === 200) {
    const result = type.try(value, { mode: 'passthrough' })
    if (result.ok) return result.value
    throw new Failure(
      `The plugin's answer to ${path} makes no sense to this berth: ${result.message}; are both of the same version?`,
    )
  }
  const refusal = refused.try(value, { mode: 'passthrough' })
  if (refusal.ok) throw new Refused(refusal.value.code, refusal.value.error)
  throw new Failure(`${path} was answered with status ${status}`)
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function unreachable(socket: string, variable: string, error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'ENOENT':
      return new NobodyThere(silence(socket, variable), { cause: error })
    case 'ECONNREFUSED':
    case 'ENOTSOCK':
      return new Failure(silence(socket, variable), { cause: error })
    case 'EACCES':
    case 'EPERM':
      return new Failure(`Only root may use ${socket}: run berth with sudo`, { cause: error })
    default: {
      const why = error instanceof Error ? error.message : String(error)
      return new Failure(`The plugin at ${socket} broke off: ${why}; its log may say more`, {
        cause: error,
      })
    }
  }
}

/** What to say where no plugin answers, and what to check. */
export const silence = (sockets: string, variables: string): string =>
  `No plugin answers at ${sockets}: check that it is enabled (docker plugin ls) and keeps its state there; --socket or ${variables} names another place`
