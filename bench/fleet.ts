import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd } from '../test/etcd/etcd.ts'
import { compare } from './compare.ts'
import type { Ratios, Side } from './compare.ts'
import type { Connection } from './connection.ts'
import type { Ledger } from './ledger.ts'
import { load, median } from './load.ts'
import type { Sample } from './load.ts'
import { allocations } from './plugin.ts'
import type { Server } from './server.ts'

/** One row: instances of a scheme, against as many floors that each write keys of their own. */
export type FleetRow = Ratios & {
  readonly name: string
  readonly instances: number
  readonly p50Ms: number
  /** Raft's, for each address that was given. */
  readonly proposals: number
  /** What part of the addresses took more than one attempt; undefined where the answers do not tell. */
  readonly retried: number | undefined
  readonly ledger: Ledger
  readonly wanted: Wanted | undefined
}

export type Wanted = { readonly proposals: number; readonly throughput?: number }

/** What is measured: instances on one etcd, in one pool, with one connection each. */
export type Subject = {
  readonly name: string
  readonly connections: readonly Connection[]
  /** Several to each instance. */
  readonly warmUp: readonly Connection[]
  readonly pool: string
  readonly ledger: Ledger
  readonly wanted?: Wanted
  /** After each round, with its answers. */
  readonly tidyUp?: (answers: ReadonlyMap<Connection, string[]>) => Promise<void>
}

type Round = {
  readonly sample: Sample
  /** Committed in so many ms, in which all of the sample lies. */
  readonly proposals: number
  readonly ms: number
  readonly retried: number[]
}

/** With so many connections to an instance: only by then V8 has compiled what is hot. */
const WARM_UP_MS = 20_000
const WARM_UP_EACH = 4
/** Short, so that floor and subject see the same noise of the machine. */
const ROUND_MS = 250
const LONG = { rounds: 48, ms: 24_000 }
/** Long enough to see the signs of life of many hosts. */
const IDLE_MS = 2000
const AT_ONCE = 4
const ASK_WITHIN_MS = 10_000

/** Processes of one kind, by number. */
export class Fleet implements AsyncDisposable {
  readonly #servers: readonly Server[]

  private constructor(servers: readonly Server[]) {
    this.#servers = servers
  }

  /** A few at a time: dozens that compile at once would starve etcd. */
  static async start(count: number, start: (i: number) => Promise<Server>): Promise<Fleet> {
    const servers: Server[] = []
    for (let i = 0; i < count; i += AT_ONCE) {
      const few = Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, j) => start(i + j))
      servers.push(...(await Promise.all(few)))
    }
    return new Fleet(servers)
  }

  /** One to each of the first `count`: an engine makes one call at a time for a network. */
  async connections(count: number): Promise<Connection[]> {
    return await this.#connect(count, 1)
  }

  async warmUpConnections(count: number): Promise<Connection[]> {
    return await this.#connect(count, WARM_UP_EACH)
  }

  async #connect(count: number, toEach: number): Promise<Connection[]> {
    const servers = this.#servers.slice(0, count)
    const each = await Promise.all(servers.map(one => one.connections(toEach)))
    return each.flat()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map(server => server[Symbol.asyncDispose]()))
  }
}

export async function measureFleet(subject: Subject, floor: Fleet, etcd: Etcd): Promise<FleetRow> {
  const { name, connections, warmUp, ledger } = subject
  // First: who idles gives back the code that was compiled.
  const idle = await idleRate(etcd)
  const warmBelow = floorSide(await floor.warmUpConnections(connections.length))
  for (const until = performance.now() + WARM_UP_MS; performance.now() < until;) {
    await warmBelow()
    await runRound({ ...subject, connections: warmUp }, etcd)
  }
  const below = floorSide(await floor.connections(connections.length))
  const rounds: Round[] = []
  const side = async () => {
    const round = await runRound(subject, etcd)
    rounds.push(round)
    return round.sample
  }
  const ratios = await compare(side, below, LONG)
  const answers = rounds.flatMap(({ sample }) => sample.latencies)
  const busy = rounds.map(({ proposals, ms }) => proposals - idle * ms)
  const retried = rounds.flatMap(round => round.retried)
  return {
    ...ratios,
    name,
    instances: connections.length,
    p50Ms: median(answers),
    proposals: busy.reduce((a, b) => a + b, 0) / answers.length,
    retried:
      retried.length > 0 ? retried.filter(races => races > 0).length / retried.length : undefined,
    ledger,
    wanted: subject.wanted,
  }
}

async function runRound(
  { connections, pool, ledger, tidyUp }: Subject,
  etcd: Etcd,
): Promise<Round> {
  const answers = new Map<Connection, string[]>(connections.map(one => [one, []]))
  const started = performance.now()
  const before = await committed(etcd)
  const sample = await load(
    connections,
    repeated(allocations(pool, 1000), ROUND_MS),
    (body, from) => answers.get(from)?.push(body),
    error => ledger.failed(error),
  )
  const proposals = (await committed(etcd)) - before
  const ms = performance.now() - started
  const bodies = [...answers.values()].flat()
  for (const body of bodies) ledger.gave(body)
  await tidyUp?.(answers)
  return { sample, proposals, ms, retried: bodies.flatMap(racesIn) }
}

/** Raft's proposals so far. With patience: etcd is as busy as it can be. */
async function committed(etcd: Etcd): Promise<number> {
  const signal = AbortSignal.timeout(ASK_WITHIN_MS)
  const answer = await fetch(`${etcd.member(0).metricsUrl}/metrics`, { signal })
  const line = /^etcd_server_proposals_committed_total (\S+)$/m.exec(await answer.text())
  if (!line) throw new Error('etcd does not count proposals')
  return Number(line[1])
}

/** How many races were lost before this answer, where it says so. */
function racesIn(body: string): number[] {
  const { Data } = JSON.parse(body) as { Data?: { races?: number } }
  return Data?.races === undefined ? [] : [Data.races]
}

function floorSide(connections: readonly Connection[]): Side {
  const requests = allocations('172-16-0-0-16~172.16.0.0/16~-', 1000)
  return async () => await load(connections, repeated(requests, ROUND_MS))
}

/** What is committed while nobody asks for anything, in proposals a millisecond. */
async function idleRate(etcd: Etcd): Promise<number> {
  const before = await committed(etcd)
  await sleep(IDLE_MS)
  return ((await committed(etcd)) - before) / IDLE_MS
}

function* repeated(requests: readonly Buffer[], forMs: number): Generator<Buffer> {
  const until = performance.now() + forMs
  while (performance.now() < until) {
    for (const bytes of requests) {
      if (performance.now() >= until) return
      yield bytes
    }
  }
}
