import type { ICompare, IKeyValue, IRangeResponse, IRequestOp, IResponseHeader } from 'etcd3'
import { EtcdCluster } from './etcd-cluster.ts'
import type { EtcdOptions } from './etcd-options.ts'
import { OutcomeUnknown, StoreUnavailable } from './store.ts'
import type { CommitResult, Entry, Revision, Store, Transaction } from './store.ts'

/** etcd's own limit, `--max-txn-ops`. */
const MOST_OPERATIONS = 128
/** Entries that are asked for at once. */
const PAGE = 1000

/**
 * The store of many hosts. Every call is one round trip (a list: one a page), sent once, and ends within a second.
 * While no etcd can be reached, calls are refused at once and go through again as soon as one is back.
 */
export class EtcdStore implements Store {
  readonly #cluster: EtcdCluster
  readonly #prefix: string
  /** The cluster that all revisions are believed to belong to; undefined until it is known. */
  #followed: string | undefined

  /**
   * Connects when it is first asked for something.
   *
   * @throws {Error} for certificates or a key that cannot be read
   */
  constructor(options: EtcdOptions) {
    this.#prefix = `${options.prefix}/`
    this.#cluster = new EtcdCluster(options, { key: Buffer.from(this.#prefix), keys_only: true })
  }

  async get(key: string): Promise<Entry | undefined> {
    const answer = await this.#cluster.call('range', { key: this.#key(key) })
    this.#expectCluster(answer.header, StoreUnavailable)
    return this.#entries(answer)[0]
  }

  /** Each entry is current when it is read; where there are many, not all at the same moment. */
  async list(from: string, to: string, limit: number): Promise<readonly Entry[]> {
    const entries: Entry[] = []
    let key = this.#key(from)
    const range_end = this.#key(to)
    while (entries.length < limit && key.compare(range_end) < 0) {
      const page = Math.min(PAGE, limit - entries.length)
      const answer = await this.#cluster.call('range', { key, range_end, limit: page })
      this.#expectCluster(answer.header, StoreUnavailable)
      entries.push(...this.#entries(answer))
      const last = answer.kvs.at(-1)
      if (!answer.more || !last) break
      key = Buffer.concat([last.key, Buffer.of(0)])
    }
    return entries
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    const { require, write } = transaction
    if (Math.max(require.length, write.length) > MOST_OPERATIONS)
      throw new Error(
        `A transaction of ${require.length} conditions and ${write.length} writes is too large: etcd takes ${MOST_OPERATIONS} of each`,
      )
    const answer = await this.#cluster.call('txn', this.#request(transaction))
    this.#expectCluster(answer.header, OutcomeUnknown)
    if (answer.succeeded) return { committed: true, revision: answer.header.revision as Revision }
    const current = answer.responses.flatMap(({ response_range }) => this.#entries(response_range))
    return { committed: false, current: new Map(current.map(entry => [entry.key, entry])) }
  }

  /** The cluster's id, whichever it is now. */
  async history(): Promise<string> {
    const { header } = await this.#cluster.call('range', {
      key: Buffer.from(this.#prefix),
      keys_only: true,
    })
    return shown(header.cluster_id)
  }

  follow(history: string): void {
    this.#followed = history
  }

  async close(): Promise<void> {
    this.#cluster.close()
  }

  #request({ require, write }: Transaction) {
    const required = require.map(condition => ({ condition, key: this.#key(condition.key) }))
    return {
      compare: required.map(({ condition, key }): ICompare => ({
        key,
        result: EQUAL,
        target: MOD,
        mod_revision: condition.is === 'absent' ? NEVER : condition.revision,
      })),
      success: write.map((one): IRequestOp =>
        'put' in one
          ? { request_put: { key: this.#key(one.put), value: Buffer.from(one.value) } }
          : { request_delete_range: { key: this.#key(one.delete) } },
      ),
      failure: required.map(({ key }): IRequestOp => ({ request_range: { key } })),
    }
  }

  #key(key: string): Buffer {
    return Buffer.from(this.#prefix + key)
  }

  #entries({ kvs }: IRangeResponse): Entry[] {
    return kvs.map(({ key, value, mod_revision }: IKeyValue) => ({
      key: key.toString().slice(this.#prefix.length),
      value: value.toString(),
      revision: mod_revision as Revision,
    }))
  }

  /** An etcd that was replaced, or an endpoint of another one, answers with entries that mean nothing here. */
  #expectCluster({ cluster_id }: IResponseHeader, Fault: new (message: string) => Error): void {
    const answering = shown(cluster_id)
    this.#followed ??= answering
    if (answering === this.#followed) return
    throw new Fault(`etcd is another cluster now: ${answering} instead of ${this.#followed}`)
  }
}

/** As etcd's rpc.proto numbers them; the package's names for them are not those of the wire. */
const EQUAL = 0
const MOD = 2
/** Where a key that does not exist stands. */
const NEVER = '0'

function shown(clusterId: string): string {
  return BigInt(clusterId).toString(16)
}
