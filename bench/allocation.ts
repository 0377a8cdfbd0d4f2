import { join } from 'node:path'
import type { Connection } from './connection.ts'
import { load, median, quantile } from './load.ts'
import type { Sample } from './load.ts'
import { allocations, makePool, release, startPlugin } from './plugin.ts'
import { Server } from './server.ts'

/** One row: how much longer than the floor's, in the middle of all rounds. */
export type Ratios = {
  readonly name: string
  readonly inFlight: number
  readonly floorMs: number
  readonly p50: number
  readonly p99: number
  readonly throughput: number
}

/** The noise of the method: a second floor against the first. */
export const FLOOR = 'floor against itself'

/** What takes part: sends one round's requests over the connections, and tidies up after the clock has stopped. */
type Side = (inFlight: number) => Promise<Sample>

/** Fits into a /24; short, so that floor and subject see the same noise of the machine. */
const ROUND = 250
const ROUNDS = 30
/** A busy machine gets fewer rounds, not more time. */
const ENOUGH_MS = 8000
const WARM_UP = 12
const IN_FLIGHT = [1, 16]
const POOLS = ['192.0.2.0/24', '172.16.0.0/16', '10.0.0.0/8', '2001:db8::/64']

/** Allocations in pools of every size, and the floor itself, against a floor in the same moments. */
export async function measureAllocation(folder: string, cache: string): Promise<Ratios[]> {
  await using floor = await Server.start(join(folder, 'floor'), ['bench/floor.ts'])
  await using other = await Server.start(join(folder, 'other'), ['bench/floor.ts'])
  await using plugin = await startPlugin(join(folder, 'plugin'), cache)
  const most = Math.max(...IN_FLIGHT)
  const below = floorSide(await floor.connections(most))
  const subjects: [string, Side][] = [[FLOOR, floorSide(await other.connections(most))]]
  const connections = await plugin.connections(most)
  for (const subnet of POOLS) subjects.push([subnet, await poolSide(connections, subnet)])
  for (const side of [below, ...subjects.map(([, side]) => side)]) await warmUp(side)
  const rows: Ratios[] = []
  for (const [name, side] of subjects) {
    for (const inFlight of IN_FLIGHT) rows.push(await compare(name, side, below, inFlight))
  }
  return rows
}

function floorSide(connections: readonly Connection[]): Side {
  const requests = allocations('192-0-2-0-24~192.0.2.0/24~-', ROUND)
  return async inFlight => await load(connections.slice(0, inFlight), requests)
}

async function poolSide(connections: readonly Connection[], subnet: string): Promise<Side> {
  const [first] = connections
  if (!first) throw new Error('A pool needs a connection')
  const pool = await makePool(first, subnet)
  const requests = allocations(pool, ROUND)
  return async inFlight => {
    const answers: string[] = []
    const sample = await load(connections.slice(0, inFlight), requests, body => answers.push(body))
    if (subnet.endsWith('/24')) await release(connections, pool, answers)
    return sample
  }
}

/** Until the engine of JavaScript has compiled what is hot. */
async function warmUp(side: Side): Promise<void> {
  for (let round = 0; round < WARM_UP; round++) await side(16)
}

/** ABAB: each round of the subject is compared with the round of the floor just before it. */
async function compare(
  name: string,
  subject: Side,
  floor: Side,
  inFlight: number,
): Promise<Ratios> {
  const rounds: { floor: Sample; subject: Sample }[] = []
  const enough = performance.now() + ENOUGH_MS
  while (rounds.length < ROUNDS && performance.now() < enough) {
    rounds.push({ floor: await floor(inFlight), subject: await subject(inFlight) })
  }
  const ratio = (of: (sample: Sample) => number) =>
    median(rounds.map(({ floor: below, subject: above }) => of(above) / of(below)))
  return {
    name,
    inFlight,
    floorMs: median(rounds.map(({ floor: { latencies } }) => median(latencies))),
    p50: ratio(({ latencies }) => median(latencies)),
    p99: ratio(({ latencies }) => quantile(latencies, 0.99)),
    throughput: 1 / ratio(({ ms }) => ms),
  }
}
