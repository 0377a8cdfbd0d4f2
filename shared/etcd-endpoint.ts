import type { IRangeRequest, IRangeResponse, ITxnRequest, ITxnResponse } from 'etcd3'
import { close, connect, connected, openPool, requireListener, run } from './etcd-connection.ts'
import type { Connection, ConnectionPool } from './etcd-connection.ts'
import { EtcdFault } from './etcd-errors.ts'
import type { EtcdOptions } from './etcd-options.ts'

export type Calls = {
  readonly range: { readonly request: IRangeRequest; readonly answer: IRangeResponse }
  readonly txn: { readonly request: ITxnRequest; readonly answer: ITxnResponse }
}

/** How long one call may take: until there is a connection, and in all. */
export type Limits = { readonly connectMs: number; readonly ms: number }

/**
 * Of one login. It costs etcd so much that one that is not waited for any more goes on: were it given up and begun
 * again, many hosts that begin at once would keep etcd busy with logins for nobody.
 */
const LOGIN_MS = 5000

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
    this.#pool = openPool(url, options)
    this.#loginPool = openPool(url, options)
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
    await requireListener(this.url, withinMs)
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
