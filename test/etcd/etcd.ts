import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, closeSync, openSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { makeCertificates } from './certificates.ts'
import type { Certificates } from './certificates.ts'
import { flags, tlsArguments } from './flags.ts'
import { freePorts } from './free-ports.ts'
import { isHealthy, metric } from './metrics.ts'

const ETCD = '/usr/bin/etcd'
/** Ends its command when this process ends, however it does. */
const WITH_US = ['/usr/bin/setpriv', '--pdeathsig', 'KILL'] as const
const ETCDCTL = '/usr/bin/etcdctl'
const READY_WITHIN_MS = 30_000
const ENV = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }

const run = promisify(execFile)

export type EtcdSettings = {
  /** @default 1 */
  readonly members?: 1 | 3
  /** Server and client certificates; clients without one are turned away. */
  readonly tls?: boolean
  /** Creates the user `root` with this password, and asks for it from then on. */
  readonly rootPassword?: string
  /** More arguments of each member, such as `--heartbeat-interval=20`. */
  readonly args?: readonly string[]
}

export type Member = {
  readonly name: string
  /** Where clients reach it. */
  readonly url: string
  readonly peerUrl: string
  /** Plain http, for health and metrics. */
  readonly metricsUrl: string
  readonly port: number
}

const folders = new Set<string>()
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A cluster of real etcd processes on loopback, in a folder of its own. */
export class Etcd {
  readonly folder: string
  readonly members: readonly Member[]
  readonly certificates: Certificates | undefined
  readonly #settings: EtcdSettings
  readonly #processes = new Map<Member, ChildProcess>()
  /** Counts restores: each has data folders of its own. */
  #incarnation = 0
  #token = 'berth-1'

  private constructor(
    folder: string,
    members: readonly Member[],
    certificates: Certificates | undefined,
    settings: EtcdSettings,
  ) {
    this.folder = folder
    this.members = members
    this.certificates = certificates
    this.#settings = settings
  }

  /** Resolves when every member answers. Ends with the test `t`, or by `end()` where there is none. */
  static async start(t: Test | undefined, settings: EtcdSettings = {}): Promise<Etcd> {
    requirePrograms()
    const folder = await mkdtemp(join(tmpdir(), 'berth-etcd-'))
    folders.add(folder)
    const certificates = settings.tls ? await makeCertificates(folder) : undefined
    const members = await chooseMembers(settings)
    const etcd = new Etcd(folder, members, certificates, settings)
    t?.teardown(async () => await etcd.end())
    await etcd.startAll()
    if (settings.rootPassword !== undefined) await etcd.enableAuth(settings.rootPassword)
    return etcd
  }

  get urls(): readonly string[] {
    return this.members.map(({ url }) => url)
  }

  /** By number, from 0 on. */
  member(i: number): Member {
    const member = this.members[i]
    if (!member) throw new Error(`There is no member ${i}`)
    return member
  }

  async end(): Promise<void> {
    await Promise.all(this.members.map(async member => await this.kill(member)))
    await rm(this.folder, { recursive: true, force: true })
    folders.delete(this.folder)
  }

  /** All that do not run; resolves when they answer. */
  async startAll(): Promise<void> {
    for (const member of this.members) if (!this.#processes.has(member)) this.#launch(member)
    await Promise.all(this.members.map(async member => await this.healthy(member)))
  }

  /** Resolves when it answers. */
  async startMember(member: Member): Promise<void> {
    if (!this.#processes.has(member)) this.#launch(member)
    await this.healthy(member)
  }

  /** As a power cut of this member. */
  async kill(member: Member): Promise<void> {
    const child = this.#processes.get(member)
    if (!child) return
    this.#processes.delete(member)
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await exited
  }

  /** Connections stay open, and nothing is answered. */
  freeze(member: Member): void {
    this.#processes.get(member)?.kill('SIGSTOP')
  }

  thaw(member: Member): void {
    this.#processes.get(member)?.kill('SIGCONT')
  }

  async healthy(member: Member): Promise<void> {
    const deadline = performance.now() + READY_WITHIN_MS
    while (!(await isHealthy(member.metricsUrl))) {
      const child = this.#processes.get(member)
      if (!child || child.exitCode !== null || performance.now() > deadline)
        throw new Error(`etcd ${member.name} does not answer; see ${this.#logOf(member)}`)
      await sleep(20)
    }
  }

  /** Of the members that run and answer. */
  async leader(): Promise<Member> {
    const deadline = performance.now() + READY_WITHIN_MS
    while (performance.now() < deadline) {
      for (const member of this.members) {
        if ((await metric(member.metricsUrl, 'etcd_server_is_leader').catch(() => 0)) === 1)
          return member
      }
      await sleep(20)
    }
    throw new Error('etcd has no leader')
  }

  /** Raft proposals that were committed, of one member that answers: what every write costs. */
  async proposalsCommitted(): Promise<number> {
    return await metric(this.member(0).metricsUrl, 'etcd_server_proposals_committed_total')
  }

  /** @returns the file */
  async saveSnapshot(): Promise<string> {
    const file = join(this.folder, `snapshot-${crypto.randomUUID()}.db`)
    await this.ctl('snapshot', 'save', file)
    return file
  }

  /**
   * Every member ends, and begins again with the data of `snapshot`.
   *
   * @param token as operators do: 'same' keeps the cluster's id, 'new' gives another one
   */
  async restore(snapshot: string, token: 'same' | 'new'): Promise<void> {
    await Promise.all(this.members.map(async member => await this.kill(member)))
    this.#incarnation += 1
    if (token === 'new') this.#token = `berth-restored-${this.#incarnation}`
    for (const member of this.members) {
      await this.#etcdctl([
        'snapshot',
        'restore',
        snapshot,
        ...flags({
          name: member.name,
          'data-dir': this.#dataOf(member),
          'initial-cluster': this.#cluster(),
          'initial-cluster-token': this.#token,
          'initial-advertise-peer-urls': member.peerUrl,
        }),
      ])
    }
    await this.startAll()
  }

  /** Runs etcdctl against the first member, with what it asks of a client. */
  async ctl(...args: readonly string[]): Promise<string> {
    const files = this.certificates?.files
    return await this.#etcdctl([
      ...flags({ endpoints: this.member(0).url }),
      ...(files ? flags({ cacert: files.ca, cert: files.cert, key: files.key }) : []),
      ...args,
    ])
  }

  async #etcdctl(args: readonly string[]): Promise<string> {
    const { stdout } = await run(ETCDCTL, args, {
      env: { ...ENV, ETCDCTL_API: '3' },
      timeout: READY_WITHIN_MS,
    })
    return stdout
  }

  /** From now on clients must be users; `root` is one. */
  async enableAuth(password: string): Promise<void> {
    await this.ctl('user', 'add', `root:${password}`)
    await this.ctl('user', 'grant-role', 'root', 'root')
    await this.ctl('auth', 'enable')
  }

  #launch(member: Member): void {
    const { args = [] } = this.#settings
    const log = openSync(this.#logOf(member), 'a')
    const [command, ...before] = WITH_US
    const child = spawn(
      command,
      [
        ...before,
        ETCD,
        ...flags({
          name: member.name,
          'data-dir': this.#dataOf(member),
          'listen-client-urls': member.url,
          'advertise-client-urls': member.url,
          'listen-peer-urls': member.peerUrl,
          'initial-advertise-peer-urls': member.peerUrl,
          'initial-cluster': this.#cluster(),
          'initial-cluster-token': this.#token,
          'listen-metrics-urls': member.metricsUrl,
          logger: 'zap',
        }),
        ...tlsArguments(this.certificates),
        ...args,
      ],
      { env: ENV, stdio: ['ignore', log, log], cwd: this.folder },
    )
    closeSync(log)
    // A child that cannot be started is told by healthy().
    child.on('error', () => undefined)
    this.#processes.set(member, child)
  }

  #cluster(): string {
    return this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')
  }

  #dataOf(member: Member): string {
    return join(this.folder, `${member.name}-${this.#incarnation}`)
  }

  #logOf(member: Member): string {
    return join(this.folder, `${member.name}.log`)
  }
}

function requirePrograms(): void {
  try {
    accessSync(ETCD)
    accessSync(ETCDCTL)
  } catch {
    throw new Error(
      `${ETCD} and ${ETCDCTL} are needed: apt-get install etcd-server etcd-client (their service need not run)`,
    )
  }
}

async function chooseMembers({ members = 1, tls = false }: EtcdSettings): Promise<Member[]> {
  const ports = await freePorts(members * 3)
  return Array.from({ length: members }, (_, i) => {
    const [port = 0, peerPort, metricsPort] = ports.slice(i * 3)
    return {
      name: `m${i}`,
      port,
      url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
      peerUrl: `http://127.0.0.1:${peerPort}`,
      metricsUrl: `http://127.0.0.1:${metricsPort}`,
    }
  })
}
