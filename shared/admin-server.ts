import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import express from 'express'
import type { Request, Response } from 'express'
import { Refusal } from './refusal.ts'
import { listenOnSocket } from './socket-server.ts'
import type { SocketServer } from './socket-server.ts'

/** What each `GET` of a path answers, as JSON. */
export type Views = Readonly<Record<string, () => Promise<object>>>

/** Serves read-only views for the operator on a unix socket: errors are `{ "error": … }`, 503 for what is not ready. */
export async function serveAdmin(socket: string, views: Views): Promise<SocketServer> {
  await mkdir(dirname(socket), { recursive: true, mode: 0o700 })
  const app = express().disable('x-powered-by')
  for (const [path, view] of Object.entries(views)) {
    app.get(path, async (_req, res) => {
      res.json(await view())
    })
  }
  app.use((req: Request, res: Response) => {
    const error = `There is no ${req.method} ${req.path}; there are ${Object.keys(views).join(', ')}`
    res.status(404).json({ error })
  })
  app.use((error: unknown, _req: Request, res: Response, _next: unknown) => {
    const message = error instanceof Error ? error.message : String(error)
    res.status(error instanceof Refusal ? 503 : 500).json({ error: message })
  })
  return await listenOnSocket(app, socket)
}
