import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { rootCertificates } from 'node:tls'
// The package's front door hides the connection behind retries of its own, which may not be: a blind retry of a
// transaction that did commit reads as a loss.
import { ConnectionPool } from 'etcd3/lib/connection-pool.js'
import type { IRangeRequest, IRangeResponse, ITxnRequest, ITxnResponse } from 'etcd3'
import { EtcdFault, judge } from './etcd-errors.ts'
import type { EtcdOptions } from './etcd-options.ts'

export type Calls = {
  readonly range: { readonly request: IRangeRequest; readonly answer: IRangeResponse }
  readonly txn: { readonly request: ITxnRequest; readonly answer: ITxnResponse }
}

/** How long one call may take: until there is a connection, and in all. */
export type Limits = { readonly connectMs: number; readonly ms: number }

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

/**
 * Of one login. It costs etcd so much that one that is not waited for any more goes on: were it given up and begun
 * again, many hosts that begin at once would keep etcd busy with logins for nobody.
 */
const LOGIN_MS = 5000

type Connecting = Parameters<Parameters<ConnectionPool['withConnection']>[1]>[0]
type Metadata = Connecting['metadata']
type Method = (
  request: unknown,
  metadata: Metadata,
  options: { readonly deadline: number },
  done: (error: unknown, answer: unknown) => void,
) => void
type Methods = Readonly<Record<string, Method>>
type Connection = Connecting & { readonly methods: Methods }
type Login = { readonly name: string; readonly password: string }

/** One member of etcd: its connection, its token, and calls that are each sent once and end in time. */
export class EtcdEndpoint {
  readonly url: string
  readonly #pool: ConnectionPool
  readonly #loginPool: ConnectionPool
  readonly #login: Login | undefined
  #connection: Promise<Connection> | undefined
  #token: Promise<string | undefined> | undefined

  /** @throws {Error} for certificates or a key that cannot be read */
  constructor(url: string, options: EtcdOptions) {
    this.url = url
    const { username, password = '' } = options
    this.#login = username === undefined ? undefined : { name: username, password }
    const poolOptions = {
      hosts: [url],
      grpcOptions: GRPC_OPTIONS,
      ...(url.startsWith('https:') && { credentials: credentialsOf(options) }),
    }
    this.#pool = new ConnectionPool(poolOptions)
    this.#loginPool = new ConnectionPool(poolOptions)
  }

  /** @throws {EtcdFault} */
  async call<M extends keyof Calls>(
    method: M,
    request: Calls[M]['request'],
    { connectMs, ms }: Limits,
  ): Promise<Calls[M]['answer']> {
    const until = performance.now() + ms
    const connection = (this.#connection ??= this.#dial(connectMs))
    try {
      const ready = await connected(await connection, connectMs)
      const answer = this.#login
        ? this.#callAs(this.#login, ready, method, request, until)
        : run(ready, method, request, until)
      return (await answer) as Calls[M]['answer']
    } catch (error) {
      // The next call dials anew, rather than trust a connection on which nobody answers.
      if (!(error instanceof EtcdFault) || error.unanswered) this.#hangUp(connection)
      throw error
    }
  }

  async #dial(withinMs: number): Promise<Connection> {
    await answers(this.url, withinMs)
    return await connect(this.#pool, 'KV')
  }

  /** Calls under way end as they would have. */
  close(): void {
    if (this.#connection) this.#hangUp(this.#connection)
  }

  #hangUp(connection: Promise<Connection>): void {
    if (this.#connection !== connection) return
    this.#connection = undefined
    void connection.then(close, () => undefined)
  }

  async #callAs(
    login: Login,
    connection: Connection,
    method: keyof Calls,
    request: unknown,
    until: number,
  ): Promise<unknown> {
    for (let again = true; ; again = false) {
      const using = (this.#token ??= this.#logIn(login))
      try {
        const token = await inTime(using, until)
        const metadata = connection.metadata.clone()
        if (token !== undefined) metadata.set('token', token)
        return await run({ ...connection, metadata }, method, request, until)
      } catch (error) {
        if (!(error instanceof EtcdFault) || error.verdict !== 'token' || !again) throw error
        this.#forget(using)
      }
    }
  }

  #logIn(login: Login): Promise<string | undefined> {
    const token = this.#authenticate(login)
    token.catch(() => this.#forget(token))
    return token
  }

  #forget(token: Promise<string | undefined>): void {
    if (this.#token === token) this.#token = undefined
  }

  /** Undefined where etcd asks for none. */
  async #authenticate(login: Login): Promise<string | undefined> {
    const connection = await connect(this.#loginPool, 'Auth')
    try {
      const until = performance.now() + LOGIN_MS
      const { token } = (await run(connection, 'authenticate', login, until)) as { token: string }
      return token
    } catch (error) {
      if (!(error instanceof EtcdFault)) throw error
      if (error.message.includes('authentication is not enabled')) return undefined
      // Whatever became of the login, what was to follow it was not sent.
      const verdict = error.verdict === 'unknown' ? 'away' : error.verdict
      throw new EtcdFault(verdict, error.message, error.unanswered, error)
    } finally {
      close(connection)
    }
  }
}

function credentialsOf({ ca, cert, key }: EtcdOptions) {
  return {
    rootCertificate: Buffer.from(ca ?? rootCertificates.join('\n')),
    ...(cert !== undefined &&
      key !== undefined && { certChain: Buffer.from(cert), privateKey: Buffer.from(key) }),
  }
}

/**
 * Whether somebody listens. grpc-js does not give up a connection that nobody answers: it would stay for two minutes, one
 * more with each attempt, and keep the process alive. This one is given up.
 *
 * @throws {EtcdFault}
 */
async function answers(url: string, withinMs: number): Promise<void> {
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

async function connect(pool: ConnectionPool, service: 'KV' | 'Auth'): Promise<Connection> {
  const { client, resource, metadata } = await pool.withConnection(service, found => found)
  // A member that knows of no leader says so at once, instead of letting the request wait for one.
  metadata.set('hasleader', 'true')
  return { client, resource, metadata, methods: client as unknown as Methods }
}

/** @throws {EtcdFault} */
async function connected(connection: Connection, withinMs: number): Promise<Connection> {
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
async function inTime(login: Promise<string | undefined>, until: number) {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const fault = new EtcdFault('away', 'The login was not answered in time', true)
  const timer = setTimeout(() => reject(fault), until - performance.now())
  try {
    return await Promise.race([login, late])
  } finally {
    clearTimeout(timer)
  }
}

/** @throws {EtcdFault} */
async function run(
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

function close({ client, resource }: Connection): void {
  client.close()
  resource.resetAllServices()
}
