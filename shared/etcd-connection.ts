import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { rootCertificates } from 'node:tls'
// The package's front door hides the connection behind retries of its own, which may not be: a blind retry of a
// transaction that did commit reads as a loss.
import { ConnectionPool } from 'etcd3/lib/connection-pool.js'
import { EtcdFault, judge } from './etcd-errors.ts'
import type { EtcdOptions } from './etcd-options.ts'

export type { ConnectionPool }

const GRPC_OPTIONS = {
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  // Each store has its own connections: what one of them loses is not lost to another.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 500,
  // etcd sends answers of any size; how much is asked for is bounded by the one who asks.
  'grpc.max_receive_message_length': -1,
}

/** As grpc-js numbers them. */
const READY = 2
const TRANSIENT_FAILURE = 3
const SHUTDOWN = 4

type Connecting = Parameters<Parameters<ConnectionPool['withConnection']>[1]>[0]
type Metadata = Connecting['metadata']
type Method = (
  request: unknown,
  metadata: Metadata,
  options: { readonly deadline: number },
  done: (error: unknown, answer: unknown) => void,
) => void
type Methods = Readonly<Record<string, Method>>
/** A channel to one member, and what goes with each call on it. */
export type Connection = Connecting & { readonly methods: Methods }

/** @throws {Error} for certificates or a key that cannot be read */
export function openPool(url: string, options: EtcdOptions): ConnectionPool {
  return new ConnectionPool({
    hosts: [url],
    grpcOptions: GRPC_OPTIONS,
    ...(url.startsWith('https:') && { credentials: credentialsOf(options) }),
  })
}

function credentialsOf({ ca, cert, key }: EtcdOptions) {
  return {
    rootCertificate: Buffer.from(ca ?? rootCertificates.join('\n')),
    ...(cert !== undefined &&
      key !== undefined && { certChain: Buffer.from(cert), privateKey: Buffer.from(key) }),
  }
}

/**
 * Somebody must listen. grpc-js does not give up a connection that nobody answers: it would stay for two minutes, one
 * more with each attempt, and keep the process alive. This one is given up.
 *
 * @throws {EtcdFault}
 */
export async function requireListener(url: string, withinMs: number): Promise<void> {
  const { hostname, port, protocol } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const late = AbortSignal.timeout(Math.max(1, Math.ceil(withinMs)))
  const socket = connectTcp(Number(port || (protocol === 'https:' ? 443 : 80)), host)
  try {
    await once(socket, 'connect', { signal: late })
  } catch (error) {
    const reason = late.aborted ? 'No connection could be made in time' : (error as Error).message
    throw new EtcdFault('away', reason, true)
  } finally {
    socket.destroy()
  }
}

export async function connect(pool: ConnectionPool, service: 'KV' | 'Auth'): Promise<Connection> {
  const { client, resource, metadata } = await pool.withConnection(service, found => found)
  // A member that knows of no leader says so at once, instead of letting the request wait for one.
  metadata.set('hasleader', 'true')
  return { client, resource, metadata, methods: client as unknown as Methods }
}

/** @throws {EtcdFault} */
export async function connected(connection: Connection, withinMs: number): Promise<Connection> {
  const channel = connection.client.getChannel()
  const until = Date.now() + withinMs
  for (;;) {
    const state = channel.getConnectivityState(true)
    // A call on a channel that failed fails at once, and says why.
    if (state === READY || state === TRANSIENT_FAILURE) return connection
    const { promise, resolve } = Promise.withResolvers<Error | undefined>()
    if (state !== SHUTDOWN) channel.watchConnectivityState(state, until, resolve)
    if (state === SHUTDOWN || (await promise))
      throw new EtcdFault('away', 'No connection could be made in time', true)
  }
}

/** @throws {EtcdFault} */
export async function run(
  { client, metadata, methods }: Connection,
  method: string,
  request: unknown,
  until: number,
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const deadline = Date.now() + until - performance.now()
  const { stackTraceLimit } = Error
  // grpc-js notes the stack of each call for the errors of its users: the dearest part of a call, and `judge` reads none.
  Error.stackTraceLimit = 0
  try {
    methods[method]?.call(client, request, metadata, { deadline }, (error, answer) =>
      error ? reject(judge(error)) : resolve(answer),
    )
  } catch (error) {
    throw judge(error)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  return await promise
}

export function close({ client, resource }: Connection): void {
  client.close()
  resource.resetAllServices()
}
