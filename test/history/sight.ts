import { setTimeout as sleep } from 'node:timers/promises'
import { Etcd3 } from 'etcd3'
import { formatAddress } from '../../ipam-plugin/addresses.ts'
import { addressOfKey } from '../../ipam-plugin/keys.ts'
import { readAddress, readHost, readPool } from '../../ipam-plugin/records.ts'
import type { Entry, Revision } from '../../shared/store.ts'
import type { Recorder, Sight } from './record.ts'

const ANSWERS_WITHIN_MS = 30_000

/** Looks at the store past all instances: everything in it, at one revision. */
export class Eye {
  readonly #etcd: Etcd3
  readonly #prefix: string

  constructor(endpoints: readonly string[], prefix: string) {
    this.#etcd = new Etcd3({
      hosts: [...endpoints],
      grpcOptions: { 'grpc.max_receive_message_length': -1 },
      defaultCallOptions: () => ({ deadline: Date.now() + 3000 }),
    })
    this.#prefix = `${prefix}/`
  }

  /** Looks again until some member answers. @throws {Error} after a long time */
  async look(recorder: Recorder, settled: boolean): Promise<Sight> {
    for (const deadline = performance.now() + ANSWERS_WITHIN_MS; ; await sleep(200)) {
      try {
        return await this.#lookOnce(recorder, settled)
      } catch (error) {
        if (performance.now() > deadline) throw error
      }
    }
  }

  async #lookOnce(recorder: Recorder, settled: boolean): Promise<Sight> {
    const sent = recorder.now()
    const found = await this.#etcd.getAll().prefix(this.#prefix).strings()
    const ended = recorder.now()
    const entries = Object.entries(found).map(([key, value]) => ({
      key: key.slice(this.#prefix.length),
      value,
      revision: '' as Revision,
    }))
    return { sent, ended, settled, ...sightOf(entries) }
  }

  close(): void {
    this.#etcd.close()
  }
}

type Seen = Pick<Sight, 'used' | 'generations' | 'users'>

function sightOf(entries: readonly Entry[]): Seen {
  const below = (prefix: string) => entries.filter(({ key }) => key.startsWith(prefix))
  const used = below('v1/addresses/').flatMap(entry => {
    const record = readAddress(entry)
    if (record.state !== 'used') return []
    const { hostName: host, generation, mac } = record
    return [{ address: formatAddress(addressOfKey(entry.key)), host, generation, mac }]
  })
  const hosts = below('v1/hosts/').map(entry => readHost(entry))
  const users: Record<string, string[]> = {}
  for (const record of below('v1/pools/').map(entry => readPool(entry))) {
    for (const { name, pools } of Object.values(record.users)) {
      users[name] = [...(users[name] ?? []), ...Object.keys(pools)]
    }
  }
  return {
    used,
    generations: Object.fromEntries(hosts.map(({ name, generation }) => [name, generation])),
    users,
  }
}
