import { existsSync } from 'node:fs'
import type { Host } from './host.ts'
import { childrenOf, isAlive, killAndWait, type ProcessId } from './processes.ts'
import { OLDEST } from './releases.ts'
import { CommandFailed } from './run.ts'
import { until } from './until.ts'

const CLIENTS = 2379
const PEERS = 2380

/** Why no etcd can run here; undefined where it can. */
export function whyNoEtcd(): string | undefined {
  const missing = ['etcd', 'etcdctl'].filter(name => !existsSync(`/usr/bin/${name}`))
  if (missing.length === 0) return undefined
  return `tests of several hosts need ${missing.join(' and ')}: install Debian's etcd-server and etcd-client`
}

/** etcd with a member on each host: a host that loses its power or its cable takes its member along. */
export class EtcdCluster {
  readonly #hosts: readonly Host[]
  readonly #members = new Map<Host, ProcessId>()

  private constructor(hosts: readonly Host[]) {
    this.#hosts = hosts
  }

  static async start(hosts: readonly Host[]): Promise<EtcdCluster> {
    const cluster = new EtcdCluster(hosts)
    await cluster.startOn(hosts)
    return cluster
  }

  /** As ETCD_ENDPOINTS wants them. */
  get endpoints(): string {
    return this.#hosts.map(host => url(host, CLIENTS)).join(',')
  }

  /** Starts the members of these hosts, with the data they had; ends when the cluster serves all of them. */
  async startOn(hosts: readonly Host[]): Promise<void> {
    await Promise.all(hosts.map(host => this.#start(host)))
    await this.untilServed(hosts)
  }

  /** Ends when these members have a leader: when one is lost, the others choose another in a second or two. */
  async untilServed(hosts: readonly Host[]): Promise<void> {
    await Promise.all(hosts.map(host => untilServed(host)))
  }

  /** kill -9 of the members of these hosts. */
  async stopOn(hosts: readonly Host[]): Promise<void> {
    await Promise.all(
      hosts.map(async host => {
        const member = this.#members.get(host)
        if (member) await killAndWait(member)
      }),
    )
  }

  /** Loses all that goes between the host and the members on others; of its LAN the host loses nothing else. */
  async cutOff(host: Host): Promise<void> {
    await filter(host, '--insert')
  }

  async reconnect(host: Host): Promise<void> {
    await filter(host, '--delete')
  }

  async #start(host: Host): Promise<void> {
    const running = this.#members.get(host)
    if (running && isAlive(running)) return
    const peers = this.#hosts.map(each => `${each.name}=${url(each, PEERS)}`)
    const child = host.start(OLDEST, [
      'etcd',
      `--name=${host.name}`,
      `--data-dir=${host.path('etcd')}`,
      `--listen-client-urls=http://0.0.0.0:${CLIENTS}`,
      `--advertise-client-urls=${url(host, CLIENTS)}`,
      `--listen-peer-urls=${url(host, PEERS)}`,
      `--initial-advertise-peer-urls=${url(host, PEERS)}`,
      `--initial-cluster=${peers.join(',')}`,
      // A member that comes back does not depose the leader.
      '--pre-vote',
      '--logger=zap',
      '--log-level=warn',
    ])
    child.unref()
    const { pid } = child
    if (pid === undefined) throw new Error('nsenter does not start: is util-linux installed?')
    const member = await until('the process of etcd', 10_000, () => childrenOf(pid)[0])
    this.#members.set(host, member)
  }
}

function url(host: Host, port: number): string {
  return `http://${host.address}:${port}`
}

async function filter(host: Host, action: '--insert' | '--delete'): Promise<void> {
  const ways = [
    ['INPUT', '--in-interface'],
    ['OUTPUT', '--out-interface'],
  ] as const
  for (const [chain, through] of ways) {
    for (const port of ['--dport', '--sport']) {
      const packets = [through, 'eth0', '--protocol', 'tcp', port, `${CLIENTS}:${PEERS}`]
      await host.run(['iptables', '--wait', action, chain, ...packets, '--jump', 'DROP'])
    }
  }
}

/** A member is served when it can read what the majority has. */
async function untilServed(host: Host): Promise<void> {
  const ask = ['etcdctl', `--endpoints=${url(host, CLIENTS)}`, 'endpoint', 'health']
  await until(`etcd on ${host.name}`, 60_000, async () => {
    try {
      await host.run(ask, { env: { ETCDCTL_API: '3' }, deadline: 10_000 })
      return true
    } catch (error) {
      if (error instanceof CommandFailed) return false
      throw error
    }
  })
}
