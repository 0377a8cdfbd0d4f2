import { compare } from './compare.ts'
import type { Ratios } from './compare.ts'
import type { Connection } from './connection.ts'
import type { Ledger } from './ledger.ts'
import { load } from './load.ts'
import type { Sample } from './load.ts'
import { allocations, makePool, release } from './plugin.ts'
import type { Server } from './server.ts'

/** One row: how much longer than the floor's. */
export type Row = Ratios & { readonly name: string; readonly inFlight: number }

/** The noise of the method: a second floor against the first. */
export const FLOOR = 'floor against itself'
/** What the promises cost, whoever keeps them. */
export const PROTOCOL = 'floor with the steps of the protocol'

type Side = (inFlight: number) => Promise<Sample>

const POOLS = ['192.0.2.0/24', '172.16.0.0/16', '10.0.0.0/8', '2001:db8::/64']
/** Fits into a /24; short, so that floor and subject see the same noise of the machine. */
const ROUND = 100
const LONG = { rounds: 200, ms: 12_000 }
/** Ten thousand requests: only by then V8 has compiled all that is hot. */
const WARM_UP = 100
/** Also in flight while all warms up and is given back. */
const MOST = 16

/** Allocations in pools of every size, and the floor itself, against a floor in the same moments. */
export async function measureAllocation(
  servers: Readonly<Record<'floor' | 'other' | 'protocol' | 'plugin', Server>>,
  inFlight: readonly number[],
  ledger: Ledger,
): Promise<Row[]> {
  const floor = floorSide(await servers.floor.connections(MOST))
  const subjects: [string, Side][] = [
    [FLOOR, floorSide(await servers.other.connections(MOST))],
    [PROTOCOL, floorSide(await servers.protocol.connections(MOST))],
  ]
  const connections = await servers.plugin.connections(MOST)
  for (const subnet of POOLS) subjects.push([subnet, await poolSide(connections, subnet, ledger)])
  const rows: Row[] = []
  for (const [name, side] of subjects) {
    for (const count of inFlight) {
      const subject = async () => await side(count)
      await warmUp(side, floor)
      const ratios = await compare(subject, async () => await floor(count), LONG)
      rows.push({ name, inFlight: count, ...ratios })
    }
  }
  return rows
}

function floorSide(connections: readonly Connection[]): Side {
  const requests = allocations('192-0-2-0-24~192.0.2.0/24~-', ROUND)
  return async inFlight => await load(connections.slice(0, inFlight), requests)
}

async function poolSide(
  connections: readonly Connection[],
  subnet: string,
  ledger: Ledger,
): Promise<Side> {
  const [first] = connections
  if (!first) throw new Error('A pool needs a connection')
  const pool = await makePool(first, subnet)
  const requests = allocations(pool, ROUND)
  return async inFlight => {
    const answers: string[] = []
    const sample = await load(connections.slice(0, inFlight), requests, body => answers.push(body))
    for (const body of answers) ledger.gave(body)
    if (subnet.endsWith('/24')) {
      for (const body of answers) ledger.givesBack(body)
      await release(connections, pool, answers)
    }
    return sample
  }
}

/** In turn: who is idle for two seconds gives back the code that was compiled. */
async function warmUp(side: Side, floor: Side): Promise<void> {
  for (let round = 0; round < WARM_UP; round++) {
    await side(MOST)
    await floor(MOST)
  }
}
