import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import express from 'express'
import type { Request, Response } from 'express'
import { Refusal } from './refusal.ts'
import type { RefusalCode } from './refusal.ts'
import { isOutage } from './store.ts'
import { listenOnSocket } from './socket-server.ts'
import type { SocketServer } from './socket-server.ts'

/** What a route is asked. */
export type AdminRequest = {
  /** What stands for each `:name` of the path. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** JSON, not yet decoded; `{}` where none came. */
  readonly body: unknown
}

type Method = 'GET' | 'POST'
export type Route = (request: AdminRequest) => Promise<object>
/** What each method of a path, such as `GET /v1/pools` or `POST /v1/hosts/:id/evict`, answers as JSON. */
export type Routes = Readonly<Record<`${Method} /${string}`, Route>>

const BODY_LIMIT = '64kb'
/** A refusal is 409, unless it is one of these. */
const STATUS: Readonly<Partial<Record<RefusalCode, number>>> = {
  'bad-request': 400,
  'not-ready': 503,
  deadline: 503,
}

/**
 * Serves the operator on a unix socket. Errors are `{ "error": sentence, "code": … }`: a refusal 409 (400 for what makes
 * no sense, 503 for what may work later), an outage of the store 503, anything else that is thrown 500.
 *
 * @throws {Error} where the socket is served by a living process, or cannot be made
 */
export async function serveAdmin(socket: string, routes: Routes): Promise<SocketServer> {
  await mkdir(dirname(socket), { recursive: true, mode: 0o700 })
  const app = express().disable('x-powered-by').disable('etag')
  app.use(express.json({ type: () => true, limit: BODY_LIMIT }))
  app.use((error: unknown, _req: Request, res: Response, _next: unknown) => {
    fail(res, 400, 'bad-request', `Cannot read the request's body as JSON: ${messageOf(error)}`)
  })
  for (const [path, methods] of byPath(routes)) {
    const at = app.route(path)
    for (const [method, route] of methods) {
      at[method === 'GET' ? 'get' : 'post'](async (req: Request, res: Response) => {
        res.json(await route(readRequest(req)))
      })
    }
    at.all((req: Request, res: Response) => {
      const there = Array.from(methods.keys(), method => `${method} ${path}`).join(', ')
      res.set('Allow', [...methods.keys()].join(', '))
      fail(res, 405, 'wrong-method', `There is no ${req.method} ${req.path}; there is ${there}`)
    })
  }
  app.use((req: Request, res: Response) => {
    const there = Object.keys(routes).join(', ')
    fail(res, 404, 'not-found', `There is no ${req.method} ${req.path}; there are ${there}`)
  })
  app.use((error: unknown, _req: Request, res: Response, _next: unknown) => {
    if (error instanceof Refusal) fail(res, STATUS[error.code] ?? 409, error.code, error.message)
    else if (isOutage(error)) fail(res, 503, 'store-away', error.message)
    else fail(res, 500, 'failed', messageOf(error))
  })
  return await listenOnSocket(app, socket)
}

function byPath(routes: Routes): Map<string, Map<string, Route>> {
  const found = new Map<string, Map<string, Route>>()
  for (const [key, route] of Object.entries(routes)) {
    const [method = '', path = ''] = key.split(' ')
    found.set(path, (found.get(path) ?? new Map<string, Route>()).set(method, route))
  }
  return found
}

function readRequest(req: Request): AdminRequest {
  const { searchParams } = new URL(req.originalUrl, 'http://berth')
  const body: unknown = req.body ?? {}
  // The paths of routes have no wildcards, which alone have several values.
  const params = req.params as Record<string, string>
  return { params, query: Object.fromEntries(searchParams), body }
}

function fail(res: Response, status: number, code: string, error: string): void {
  res.status(status).json({ error, code })
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
