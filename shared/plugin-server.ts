import express from 'express'
import type { Request, Response } from 'express'
import type { Logger } from 'pino'
import { giveMemoryBackWhenIdle } from './idle-memory.ts'
import { Refusal } from './refusal.ts'
import { listenOnSocket } from './socket-server.ts'
import type { SocketServer } from './socket-server.ts'

/** What a method is told besides its body. */
export type Call = {
  /** Aborted once the caller is gone, before its answer was given. */
  readonly caller: AbortSignal
  /** Adds to the one line that is logged of this request. */
  note(facts: Readonly<Record<string, unknown>>): void
}

/** A method gets the decoded JSON body, undefined where none came, and returns what is sent as JSON. */
export type Method = (body: unknown, call: Call) => Promise<object> | object
export type Methods = Readonly<Record<string, Method>>

export type ServerOptions = {
  readonly socket: string
  readonly methods: Methods
  readonly log: Logger
  /** Methods that the engine calls with an empty body; for all others an empty body is a retry that lost its own. */
  readonly bodiless: readonly string[]
  /**
   * What a retried or unreadable body gets: an error, or no answer at all where the engine would believe the error
   * (a volume driver's `Get`). @default 'refuse'
   */
  readonly unreadable?: 'refuse' | 'drop'
}

/** Thrown by a method that cannot know the answer: the engine sees a dropped connection instead of a "no". */
export class DropConnection extends Error {
  override readonly name = 'DropConnection'
}

const BODY_LIMIT = '1mb'

/**
 * Serves `methods` on a unix socket, as `POST /<name>`, the way the engine's plugin client speaks: no Content-Type,
 * empty bodies on retries, connections kept for ever (closing an idle one costs the engine's next request its body:
 * moby#39331). Errors are status 500 with `Err`, the one form that every engine reads for every kind of plugin.
 *
 * @throws {Error} where the socket is served by a living process, or cannot be made
 */
export async function servePlugin(options: ServerOptions): Promise<SocketServer> {
  const app = express().disable('x-powered-by').disable('etag')
  const anyType = () => true
  const busy = giveMemoryBackWhenIdle()
  app.post('/:method', express.raw({ type: anyType, limit: BODY_LIMIT }), (req, res) => {
    busy()
    return answer(options, req, res)
  })
  app.use((req: Request, res: Response) => {
    unserved(options, res, 404, `Nothing is served at ${req.method} ${req.path}`)
  })
  app.use((error: unknown, _req: Request, res: Response, _next: unknown) => {
    const why = `Cannot read the request: ${messageOf(error)}`
    if (options.unreadable === 'drop') drop(options, res, why)
    else unserved(options, res, 400, why)
  })
  return await listenOnSocket(app, options.socket)
}

/** A request that came to no method. */
function unserved({ log }: ServerOptions, res: Response, status: number, why: string): void {
  log.warn({ outcome: 'bad-request', status, why }, 'request')
  send(res, status, { Err: why })
}

/** As `unserved`, where the engine would believe an error. */
function drop({ log }: ServerOptions, res: Response, why: string): void {
  log.warn({ outcome: 'dropped', why }, 'request')
  res.destroy()
}

async function answer(options: ServerOptions, req: Request, res: Response): Promise<void> {
  const started = performance.now()
  const name = String(req.params['method'])
  const facts: Record<string, unknown> = { method: name }
  const caller = new AbortController()
  res.on('close', () => {
    if (!res.writableFinished) caller.abort()
  })
  const call: Call = { caller: caller.signal, note: more => Object.assign(facts, more) }
  try {
    const result = await invoke(options, name, req.body, call)
    send(res, 200, result)
    options.log.info({ ...facts, outcome: 'ok', ms: since(started) }, 'request')
  } catch (error) {
    const ms = since(started)
    if (error instanceof Refusal) {
      options.log.warn({ ...facts, outcome: error.code, why: error.message, ms }, 'request')
    } else options.log.error({ ...facts, outcome: 'failed', err: error, ms }, 'request')
    if (error instanceof DropConnection) res.destroy()
    else send(res, 500, { Err: messageOf(error) })
  }
}

async function invoke(options: ServerOptions, name: string, raw: unknown, call: Call) {
  const method = Object.hasOwn(options.methods, name) ? options.methods[name] : undefined
  if (!method) throw new Refusal('bad-request', `There is no method "${name}" here`)
  const empty = !Buffer.isBuffer(raw) || raw.length === 0
  if (empty && options.bodiless.includes(name)) return await method(undefined, call)
  return await method(readJson(options, name, empty ? undefined : raw), call)
}

function readJson({ unreadable }: ServerOptions, name: string, raw: Buffer | undefined): unknown {
  try {
    if (!raw) throw new Error('the body is empty: the engine retried a request and lost its body')
    return JSON.parse(raw.toString('utf8'))
  } catch (cause) {
    const why = `Cannot read the request to ${name}: ${messageOf(cause)}`
    throw unreadable === 'drop'
      ? new DropConnection(why, { cause })
      : new Refusal('bad-request', why, { cause })
  }
}

function send(res: Response, status: number, body: object): void {
  if (!res.destroyed) res.status(status).json(body)
}

const since = (started: number): number => Math.round((performance.now() - started) * 100) / 100
const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
