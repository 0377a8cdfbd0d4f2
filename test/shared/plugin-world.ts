import { pino } from 'pino'
import type { Test } from 'tap'
import { servePlugin } from '../../shared/plugin-server.ts'
import type { Methods, ServerOptions } from '../../shared/plugin-server.ts'
import type { SocketServer } from '../../shared/socket-server.ts'
import { RawConnection } from './raw-http.ts'

export type LogLine = Readonly<Record<string, unknown>>

/** A plugin server on a socket of its own in the current folder, and the lines that it logged. */
export type PluginWorld = {
  readonly socket: string
  readonly server: SocketServer
  readonly lines: LogLine[]
  readonly connect: () => Promise<RawConnection>
}

let made = 0

export async function servedPlugin(
  t: Test,
  methods: Methods,
  options: Partial<ServerOptions> = {},
): Promise<PluginWorld> {
  const lines: LogLine[] = []
  const log = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const socket = `${++made}.sock`
  const server = await servePlugin({ socket, methods, log, bodiless: [], ...options })
  const connections: RawConnection[] = []
  let open = true
  const close = async (withinMs: number) => {
    if (open) await server.close(withinMs)
    open = false
  }
  t.teardown(async () => {
    for (const connection of connections) connection.end()
    await close(0)
  })
  const connect = async () => {
    const connection = await RawConnection.open(socket)
    connections.push(connection)
    return connection
  }
  return { socket, server: { close }, lines, connect }
}
