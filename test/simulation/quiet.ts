import { formatAddress } from '../../ipam-plugin/addresses.ts'
import { addressOfKey, ADDRESSES, POOLS } from '../../ipam-plugin/keys.ts'
import { readAddress, readPool, readSegment } from '../../ipam-plugin/records.ts'
import type { PoolRecord } from '../../ipam-plugin/records.ts'
import { endOf } from '../../shared/store.ts'
import { AUTOMATIC } from './engine.ts'
import type { Engine } from './engine.ts'
import type { World } from './world.ts'

/** What is wrong when all is healed and quiet: each a sentence. */
export function faultsWhenQuiet(world: World): string[] {
  return [
    ...world.engines.flatMap(engine => heldFaults(world, engine)),
    ...leaks(world),
    ...poolFaults(world),
    ...segmentFaults(world),
  ]
}

/** What a container has is used in the store, unless the host was evicted while it lived. */
function heldFaults({ store }: World, { host, held }: Engine): string[] {
  return [...held.values()].flatMap(({ key, address, op, isForfeited, wasTaken }) => {
    const entry = host.disk.address(key)
    if (isForfeited && entry?.state === 'lost' && !wasTaken)
      return [`${address}: ${host.name} takes it for lost, and nobody else had it`]
    if (isForfeited) return []
    const record = readAddress(store.get(key))
    const isUsed = record?.state === 'used' && record.host === host.name && record.op === op
    return [
      ...(entry?.state === 'held' && entry.op === op
        ? []
        : [`${address}: ${host.name} has it, and its journal says ${JSON.stringify(entry)}`]),
      ...(isUsed
        ? []
        : [`${address}: ${host.name} has it, and the store says ${JSON.stringify(record)}`]),
    ]
  })
}

/** What the store has as used, and no container has, is explained by an answer or a release that was lost. */
function leaks({ store, engines }: World): string[] {
  const faults: string[] = []
  const spare = new Map(engines.map(engine => [engine.host.name, engine.lostAddresses]))
  for (const entry of store.list(ADDRESSES, endOf(ADDRESSES), Infinity)) {
    const record = readAddress(entry)
    if (record.state !== 'used') continue
    const engine = engines.find(({ host }) => host.name === record.host)
    const address = formatAddress(addressOfKey(entry.key))
    if (!engine) faults.push(`${address}: used by ${record.host}, which is no host`)
    else if (engine.held.get(entry.key)?.op === record.op) continue
    else {
      const left = spare.get(record.host) ?? 0
      const isKnown = engine.host.disk.address(entry.key)?.op === record.op
      if (isKnown && engine.unreleased.has(entry.key)) continue
      if (isKnown && left > 0) spare.set(record.host, left - 1)
      else faults.push(`${address}: leaked by ${record.host} (journal: ${String(isKnown)})`)
    }
  }
  return faults
}

/** Who uses a pool, its gateway and aux, and how often each host counts it. */
function poolFaults({ store, engines }: World): string[] {
  const faults: string[] = []
  const records = new Map<string, PoolRecord>()
  for (const entry of store.list(POOLS, endOf(POOLS), Infinity)) {
    const record = readPool(entry)
    records.set(entry.key, record)
    if (Object.keys(record.users).length === 0) faults.push(`${entry.key} has no users`)
  }
  const shared = new Set<string>()
  for (const engine of engines) {
    const { host, networks, doubtfulPools } = engine
    const wanted = Map.groupBy(networks, ({ pool }) => pool)
    for (const pool of wanted.keys()) {
      if (!host.disk.poolEntries.has(pool as never)) faults.push(`${host.name} lost ${pool}`)
    }
    for (const [id, entry] of host.disk.poolEntries) {
      if (entry.state === 'lost') continue
      const count = wanted.get(id)?.length ?? 0
      const isDoubtful = doubtfulPools.has(id) || (entry.automatic && doubtfulPools.has(AUTOMATIC))
      if (!isDoubtful && entry.state === 'joined' && entry.count !== count)
        faults.push(`${host.name} counts ${entry.count} of ${id}, and has ${count}`)
      const isUser = [...records.values()].some(
        ({ users }) => users[host.name]?.pools[id] !== undefined,
      )
      // With an address whose release was lost: that is claimed again after an eviction, and the pool is not joined again.
      if (!isUser && entry.state !== 'leaving')
        faults.push(`${host.name} has ${id}, and the store does not know`)
      for (const { gateway, aux } of wanted.get(id) ?? []) {
        for (const address of [...(gateway ? [gateway] : []), ...aux])
          shared.add(`${address} ${id}`)
      }
    }
    for (const [key, { users }] of records) {
      for (const id of Object.keys(users[host.name]?.pools ?? {})) {
        if (!host.disk.poolEntries.has(id as never))
          faults.push(`${key} has ${id} of ${host.name}, which does not know it`)
      }
    }
  }
  return [...faults, ...sharedFaults({ store, engines } as World, shared)]
}

function sharedFaults({ store, engines }: World, wanted: ReadonlySet<string>): string[] {
  const faults: string[] = []
  const found = new Set<string>()
  for (const entry of store.list(ADDRESSES, endOf(ADDRESSES), Infinity)) {
    const record = readAddress(entry)
    if (record.state !== 'shared') continue
    const address = formatAddress(addressOfKey(entry.key))
    for (const id of record.pools) {
      found.add(`${address} ${id}`)
      const isUsed = engines.some(({ host }) => host.disk.poolEntries.has(id as never))
      if (!isUsed) faults.push(`${address} is shared by ${id}, which nobody has`)
    }
  }
  for (const one of wanted) {
    const isForfeited = engines.some(({ held }) => [...held.values()].some(x => x.isForfeited))
    if (!found.has(one) && !isForfeited) faults.push(`${one} is not shared in the store`)
  }
  return faults
}

/** The list of subnets is what pools there are. */
function segmentFaults({ store }: World): string[] {
  const listed = store
    .list('v1/segments/', endOf('v1/segments/'), Infinity)
    .flatMap(entry => (readSegment(entry)?.subnets ?? []).map(text => `default/${text}`))
  const pools = store.list(POOLS, endOf(POOLS), Infinity).map(({ key }) => key.slice(POOLS.length))
  const same = JSON.stringify(listed.toSorted()) === JSON.stringify(pools.toSorted())
  return same ? [] : [`the segment lists ${listed.join()}, and there are ${pools.join()}`]
}
