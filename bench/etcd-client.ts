// As the plugin does it: the package's front door would add layers and retries of its own.
import { ConnectionPool } from 'etcd3/lib/connection-pool.js'
import type { IRangeRequest, IRangeResponse, ITxnRequest, ITxnResponse } from 'etcd3'

const DEADLINE_MS = 20_000

type Connection = Parameters<Parameters<ConnectionPool['withConnection']>[1]>[0]
type Method = (
  request: unknown,
  metadata: Connection['metadata'],
  options: { readonly deadline: number },
  done: (error: unknown, answer: unknown) => void,
) => void

/** Bare calls to etcd through the plugin's client, each sent once. */
export class EtcdClient {
  readonly #connection: Connection

  private constructor(connection: Connection) {
    this.#connection = connection
  }

  static async open(url: string): Promise<EtcdClient> {
    const pool = new ConnectionPool({
      hosts: [url],
      grpcOptions: { 'grpc.enable_retries': 0, 'grpc.max_receive_message_length': -1 },
    })
    return new EtcdClient(await pool.withConnection('KV', found => found))
  }

  async range(request: IRangeRequest): Promise<IRangeResponse> {
    return (await this.#call('range', request)) as IRangeResponse
  }

  async txn(request: ITxnRequest): Promise<ITxnResponse> {
    return (await this.#call('txn', request)) as ITxnResponse
  }

  close(): void {
    this.#connection.client.close()
  }

  async #call(method: string, request: unknown): Promise<unknown> {
    const { client, metadata } = this.#connection
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const methods = client as unknown as Readonly<Record<string, Method>>
    const options = { deadline: Date.now() + DEADLINE_MS }
    methods[method]?.call(client, request, metadata, options, (error, answer) =>
      error ? reject(error as Error) : resolve(answer),
    )
    return await promise
  }
}

/** As etcd's rpc.proto numbers them; the package's names for them are not those of the wire. */
const EQUAL = 0
const MOD = 2

/** A condition of a transaction: where the key was last written. '0': there is none. */
export function at(key: string, revision: string) {
  return { key: Buffer.from(key), result: EQUAL, target: MOD, mod_revision: revision }
}

export function put(key: string, value: string) {
  return { request_put: { key: Buffer.from(key), value: Buffer.from(value) } }
}

export function read(key: string) {
  return { request_range: { key: Buffer.from(key) } }
}

export function remove(key: string) {
  return { request_delete_range: { key: Buffer.from(key) } }
}
