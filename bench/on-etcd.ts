import { join } from 'node:path'
import { parseSubnet } from '../ipam-plugin/addresses.ts'
import { Etcd } from '../test/etcd/etcd.ts'
import { measureAllocation, PROTOCOL } from './allocation.ts'
import type { Connection } from './connection.ts'
import { audit, fill, putAll } from './etcd-contents.ts'
import { Fleet, measureFleet } from './fleet.ts'
import type { FleetRow, Subject } from './fleet.ts'
import { Ledger } from './ledger.ts'
import { compileInto, makePool, release, segmentOf, startAsShipped, startPlugin } from './plugin.ts'
import type { Server } from './server.ts'
import { allocationTable, fleetTable, ledgerLine } from './tables.ts'

type Connected = Pick<Subject, 'connections' | 'warmUp'>

const WANTED_RATIO = 1.2
const WANTED_SPREAD = { proposals: 1.02, throughput: 0.9 }
const WANTED_FULL = { proposals: 1.1 }
const MANY = 16
const FLEETS = [8, MANY]
const SUBNET = '172.16.0.0/16'
const FILLED = '172.17.0.0/16'
const FILLED_PART = 0.95
/** A /20. It lists them all for each address: sixteen instances on a /16 would give one in a minute. */
const ANCESTORS_POOL = 4094

/** The plugin on etcd, one instance and many. Returns how many answers were wrong. */
export async function measureEtcd(folder: string, print: (text: string) => void): Promise<number> {
  const ledgers = [new Ledger(), new Ledger(), new Ledger()] as const
  const [alone, ...many] = ledgers
  await withEtcd(async url => {
    await compileInto(join(folder, 'compiled'), join(folder, 'first'), settings(url, 'first'))
    const rows = await measureOne(folder, url, alone)
    print(allocationTable('allocation on etcd', rows, WANTED_RATIO))
  })
  const rows: FleetRow[] = []
  await withEtcd(async (url, etcd) => {
    rows.push(...(await measureMany(folder, url, etcd, many)))
  })
  await withEtcd(async (url, etcd) => {
    rows.push(...(await measureAncestor(folder, url, etcd)))
  })
  print(fleetTable(rows))
  print(ledgerLine(ledgers))
  return ledgers.reduce((sum, { faults }) => sum + faults.length, 0)
}

async function measureOne(folder: string, url: string, ledger: Ledger) {
  await using floor = await startFloor(folder, 'floor', url)
  await using other = await startFloor(folder, 'other', url)
  await using protocol = await startFloor(folder, 'protocol', url, '1')
  await using plugin = await startInstance(folder, 'alone', url)
  return await measureAllocation({ floor, other, protocol, plugin }, [1], ledger)
}

async function measureMany(
  folder: string,
  url: string,
  etcd: Etcd,
  [spread, full]: readonly [Ledger, Ledger],
): Promise<FleetRow[]> {
  await using floor = await Fleet.start(MANY, i => startFloor(folder, `floor-${i}`, url))
  await using protocol = await Fleet.start(MANY, i => startFloor(folder, `steps-${i}`, url, '1'))
  await using berth = await Fleet.start(MANY, i => startInstance(folder, `berth-${i}`, url))
  const all = await berth.connections(MANY)
  const rows: FleetRow[] = []
  const pool = await makePoolOnAll(all, SUBNET)
  for (const instances of FLEETS) {
    const steps = { name: PROTOCOL, pool, ledger: new Ledger() }
    rows.push(
      await measureFleet({ ...steps, ...(await connected(protocol, instances)) }, floor, etcd),
    )
    const subject = { name: 'berth', pool, ledger: spread, wanted: WANTED_SPREAD }
    rows.push(
      await measureFleet({ ...subject, ...(await connected(berth, instances)) }, floor, etcd),
    )
  }
  await audit(url, segmentOf(SUBNET), spread)
  const filled = await makePoolOnAll(all, FILLED)
  const others = await fill(url, segmentOf(FILLED), parseSubnet(FILLED).base, FILLED_PART)
  const filledPool = filledSubject(await connected(berth, MANY), filled, full)
  rows.push(await measureFleet(filledPool, floor, etcd))
  await audit(url, segmentOf(FILLED), full, others)
  return rows
}

/** To the first `count` instances. */
async function connected(fleet: Fleet, count: number): Promise<Connected> {
  return {
    connections: await fleet.connections(count),
    warmUp: await fleet.warmUpConnections(count),
  }
}

/** It gives back what it was given after each round, so that the pool stays as full as it is. */
function filledSubject(connected: Connected, pool: string, ledger: Ledger): Subject {
  return {
    name: `berth, ${FILLED_PART * 100} % full`,
    ...connected,
    pool,
    ledger,
    wanted: WANTED_FULL,
    tidyUp: async answers => {
      for (const body of [...answers.values()].flat()) ledger.givesBack(body)
      // Each to whom it came from: a release by another host changes nothing.
      const releases = Array.from(answers, ([from, bodies]) => release([from], pool, bodies))
      await Promise.all(releases)
    },
  }
}

async function measureAncestor(folder: string, url: string, etcd: Etcd): Promise<FleetRow[]> {
  await using floor = await Fleet.start(MANY, i => startFloor(folder, `below-${i}`, url))
  await using ancestor = await Fleet.start(MANY, i => startAncestor(folder, `ancestor-${i}`, url))
  const free = Array.from({ length: ANCESTORS_POOL }, (_, i) =>
    (i + 1).toString(16).padStart(8, '0'),
  )
  await putAll(
    url,
    free.map(address => `/ancestor/pool/${address}`),
    '',
  )
  const rows: FleetRow[] = []
  for (const instances of [1, ...FLEETS]) {
    const connections = await ancestor.connections(instances)
    const subject = { connections, warmUp: connections, pool: 'x', ledger: new Ledger() }
    rows.push(await measureFleet({ ...subject, name: 'ancestor, on a /20' }, floor, etcd))
  }
  return rows
}

/** As the engines of many hosts do, one after the other. */
async function makePoolOnAll(connections: readonly Connection[], subnet: string): Promise<string> {
  const ids: string[] = []
  for (const connection of connections) ids.push(await makePool(connection, subnet))
  return ids[0] ?? ''
}

async function withEtcd(use: (url: string, etcd: Etcd) => Promise<void>): Promise<void> {
  const etcd = await Etcd.start(undefined)
  try {
    await use(etcd.member(0).url, etcd)
  } finally {
    await etcd.end()
  }
}

async function startFloor(
  folder: string,
  name: string,
  url: string,
  protocol = '',
): Promise<Server> {
  const own = { ...settings(url, name), FLOOR_PROTOCOL: protocol }
  return await startAsShipped('bench/etcd-floor.ts', join(folder, name), own)
}

async function startAncestor(folder: string, name: string, url: string): Promise<Server> {
  return await startAsShipped('bench/ancestor.ts', join(folder, name), settings(url, name))
}

async function startInstance(folder: string, name: string, url: string): Promise<Server> {
  return await startPlugin(join(folder, name), join(folder, 'compiled'), settings(url, name))
}

const settings = (ETCD_ENDPOINTS: string, name: string) => ({ ETCD_ENDPOINTS, HOST_NAME: name })
