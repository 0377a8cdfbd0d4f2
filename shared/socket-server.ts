import { once } from 'node:events'
import { chmod, lstat, unlink } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { isSystemError } from './system-error.ts'

export interface SocketServer {
  /** Takes no more requests, and waits for those under way, `withinMs` at most. */
  close(withinMs: number): Promise<void>
}

/**
 * Serves HTTP on a unix socket that only its owner may use. No connection is closed for being idle and no request for
 * being slow: the engine keeps connections for ever, and closing one costs its next request the body (moby#39331).
 *
 * @throws {Error} where a living process serves the socket already, or it cannot be made
 */
export async function listenOnSocket(app: RequestListener, socket: string): Promise<SocketServer> {
  const server = createServer(app)
  server.keepAliveTimeout = 0
  server.headersTimeout = 0
  server.requestTimeout = 0
  server.timeout = 0
  const silent = new Set<Socket>()
  server.on('connection', (connection: Socket) => {
    silent.add(connection)
    connection.once('close', () => silent.delete(connection))
  })
  server.on('request', ({ socket: connection }) => silent.delete(connection))
  await removeStale(socket)
  server.listen(socket)
  await once(server, 'listening')
  await chmod(socket, 0o600)
  return { close: withinMs => close(server, silent, withinMs) }
}

async function removeStale(socket: string): Promise<void> {
  const found = await lstat(socket).catch(() => undefined)
  if (!found) return
  if (!found.isSocket())
    throw new Error(`Cannot listen at ${socket}: a file is there that is no socket`)
  if (await answers(socket))
    throw new Error(`Cannot listen at ${socket}: another process serves it`)
  await unlink(socket)
}

async function answers(socket: string): Promise<boolean> {
  const connection = connect(socket)
  try {
    await once(connection, 'connect')
    return true
  } catch (error) {
    // A living server that has too much to do refuses otherwise.
    return !isSystemError(error, 'ECONNREFUSED')
  } finally {
    connection.destroy()
  }
}

/** @param silent connections that never asked anything: to `closeIdleConnections` they are busy */
async function close(server: Server, silent: Iterable<Socket>, withinMs: number): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  for (const connection of silent) connection.destroy()
  const idle = setInterval(() => server.closeIdleConnections(), 20)
  const late = setTimeout(() => server.closeAllConnections(), withinMs)
  await closed
  clearInterval(idle)
  clearTimeout(late)
}
