import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { parseAddress, parseSubnet } from '../../ipam-plugin/addresses.ts'
import { Claims } from '../../ipam-plugin/claims.ts'
import { startIpam } from '../../ipam-plugin/ipam.ts'
import type { Ipam } from '../../ipam-plugin/ipam.ts'
import type { AddressEntry } from '../../ipam-plugin/journal.ts'
import { addressKey, hostKey } from '../../ipam-plugin/keys.ts'
import { LevelJournal } from '../../ipam-plugin/level-journal.ts'
import { LevelNotes } from '../../ipam-plugin/level-notes.ts'
import { makePool } from '../../ipam-plugin/pool-id.ts'
import { readAddress, write } from '../../ipam-plugin/records.ts'
import type { UsedRecord } from '../../ipam-plugin/records.ts'
import { Registration } from '../../ipam-plugin/registration.ts'
import { Settlement } from '../../ipam-plugin/settlement.ts'
import { LevelDatabase } from '../../shared/level-database.ts'
import { LevelStore } from '../../shared/level-store.ts'
import { OutcomeUnknown, StoreUnavailable } from '../../shared/store.ts'
import type { Store, Transaction } from '../../shared/store.ts'
import { put } from '../shared/open-store.ts'

const pool = makePool('lan', parseSubnet('10.0.0.0/20'), undefined)
const other = makePool('lan', parseSubnet('10.0.16.0/24'), undefined)
const [A, B, C] = ['10.0.0.1', '10.0.0.2', '10.0.15.255'] as const
const keyOf = (address: string) => addressKey('lan', parseAddress(address))
const CLAIM_MS = 300
const engine = () => ({
  caller: new AbortController().signal,
  deadline: performance.now() + CLAIM_MS,
})
const at = (address: string) => ({ address: parseAddress(address), read: undefined })
const hostIn = (boot: string) => ({
  id: 'host-1',
  name: 'rack1',
  boot,
  machine: { product: '', macs: [] },
})

type Parts = {
  readonly registration: Registration
  readonly claims: Claims
  readonly settlement: Settlement
}

/** A host with the pool, on a real store and journal; each start is a new life of the plugin on them. */
class World {
  readonly #file: string
  readonly #database: LevelDatabase
  readonly #notes: LevelNotes
  readonly store: Store
  journal: LevelJournal
  #ipam: Ipam | undefined

  constructor(file: string, database: LevelDatabase, journal: LevelJournal) {
    this.#file = file
    this.#database = database
    this.#notes = new LevelNotes(database)
    this.store = new LevelStore(database, 'store/')
    this.journal = journal
  }

  async start(boot: string): Promise<Ipam> {
    await this.#reopenJournal(boot)
    const isNew = !this.#ipam
    this.#ipam = await startIpam({
      store: this.store,
      isShared: false,
      journal: this.journal,
      notes: this.#notes,
      host: hostIn(boot),
      defaultPools: [],
      report: () => {},
      barred: () => undefined,
      beatEveryMs: 30_000,
    })
    if (isNew) await this.join(pool)
    return this.#ipam
  }

  /** What settles, registered, and with nothing loaded. */
  async parts(boot: string): Promise<Parts> {
    await this.#reopenJournal(boot)
    const registration = await Registration.open(this.store, this.#notes, hostIn(boot))
    await registration.register()
    registration.place.open()
    const claims = new Claims(this.store, this.journal, registration)
    const settlement = new Settlement(this.store, this.journal, registration, claims)
    return { registration, claims, settlement }
  }

  async join(wanted: typeof pool): Promise<void> {
    const order = {
      segment: 'lan',
      family: 4,
      pool: wanted,
      exclude: [],
      cooldownMs: undefined,
    } as const
    await this.#ipam?.pools.request(order, async () => {})
  }

  async claim(address: string) {
    if (!this.#ipam) throw new Error('Start it first')
    const read = await this.store.get(keyOf(address))
    const wanted = { ...at(address), read }
    return await this.#ipam.claims.claim(this.#ipam.pools.joined(pool.id), wanted, {}, engine())
  }

  /** Writes a record of an earlier boot of this host, but for what is `changed`. */
  async put(address: string, changed: Partial<UsedRecord> = {}): Promise<void> {
    await put(this.store, keyOf(address), write(used(changed)))
  }

  entry(address: string): AddressEntry {
    const found = this.journal.address(keyOf(address))
    if (!found) throw new Error(`The journal has no entry for ${address}`)
    return found
  }

  async states(...addresses: readonly string[]): Promise<(string | undefined)[]> {
    const entries = await Promise.all(addresses.map(one => this.store.get(keyOf(one))))
    return entries.map(entry => readAddress(entry)?.state)
  }

  async journalKeys(): Promise<string[]> {
    const keys = new Set<string>()
    for await (const [key] of this.journal.addresses()) keys.add(key)
    return [...keys].toSorted()
  }

  /** As a power cut would, which takes what was not synced: all address entries, or those named. */
  async loseJournal(...addresses: readonly string[]): Promise<void> {
    await this.journal.sync()
    rmSync(this.#file)
    const rows = await this.#database.list('journal/addresses/', 'journal/addresses0', 10_000)
    const lost = rows
      .map(([key]) => key)
      .filter(key => addresses.length === 0 || addresses.some(one => key.endsWith(keyOf(one))))
    const writes = lost.map(key => ({ type: 'del', key }) as const)
    await this.#database.write(writes, { sync: true })
  }

  async whileJournalIsFull(job: () => Promise<void>): Promise<void> {
    const write = this.journal.writeAddress.bind(this.journal)
    this.journal.writeAddress = () => {
      throw new Error('no space')
    }
    await job()
    this.journal.writeAddress = write
  }

  async close(): Promise<void> {
    await this.journal.close()
    await this.#database.close()
  }

  async #reopenJournal(boot: string): Promise<void> {
    await this.journal.close()
    this.journal = await LevelJournal.open(this.#database, this.#file, boot)
  }
}

await t.test('after a reboot that took the journal, addresses of before are free', async t => {
  const world = await openWorld(t)
  await world.start('boot-1')
  for (const address of [A, B, C]) await world.claim(address)
  await world.loseJournal()
  await world.start('boot-2')
  t.strictSame(await world.states(A, B, C), ['idle', 'idle', 'idle'])
  t.strictSame(await world.journalKeys(), [], 'and nothing is left to be done')
})

await t.test('after one that took a part of the journal, all of them are free', async t => {
  const world = await openWorld(t)
  await world.start('boot-1')
  for (const address of [A, B, C]) await world.claim(address)
  const former = { ...world.entry(B), op: 'an earlier operation' }
  await world.loseJournal(B, C)
  world.journal.writeAddress(keyOf(B), former)
  await world.start('boot-2')
  t.strictSame(await world.states(A, B, C), ['idle', 'idle', 'idle'])
  t.strictSame(await world.journalKeys(), [])
})

await t.test('a record of another host is left, whatever its boot', async t => {
  const world = await openWorld(t)
  await world.start('boot-1')
  await world.claim(A)
  await world.put(B, { host: 'host-2' })
  await world.put(C, { host: 'host-2', boot: 'boot-2' })
  await world.loseJournal()
  await world.start('boot-2')
  t.strictSame(await world.states(A, B, C), ['idle', 'used', 'used'])
})

await t.test('a record of the running boot is left: its container may be alive', async t => {
  const world = await openWorld(t)
  await world.start('boot-1')
  await world.claim(A)
  await world.loseJournal()
  await world.start('boot-1')
  t.strictSame(await world.states(A), ['used'])
  await world.put(B, { boot: 'boot-2' })
  await world.start('boot-2')
  t.strictSame(await world.states(A, B), ['idle', 'used'], 'also where those of another boot go')
})

await t.test('gateways and resting addresses are left as they are', async t => {
  const world = await openWorld(t)
  await world.start('boot-1')
  await put(world.store, keyOf(A), write({ state: 'shared', pools: [pool.id] }))
  await put(world.store, keyOf(B), write({ state: 'idle', until: 7 }))
  await world.start('boot-2')
  t.strictSame(await world.states(A, B), ['shared', 'idle'])
  t.match(readAddress(await world.store.get(keyOf(B))), { until: 7 })
})

await t.test('it is looked for in every pool, behind any number of records', async t => {
  const world = await openWorld(t)
  await world.start('boot-1')
  await world.join(other)
  const foreign = Array.from({ length: 1200 }, (_, i) =>
    addressKey('lan', { family: 4, value: 0x0a_00_00_01n + BigInt(i) }),
  )
  const value = write(used({ host: 'host-2' }))
  await world.store.commit({ require: [], write: foreign.map(key => ({ put: key, value })) })
  await world.put(C)
  await world.put('10.0.16.0')
  await world.put('10.0.16.255')
  await world.start('boot-2')
  t.strictSame(await world.states(A, C, '10.0.16.0', '10.0.16.255'), [
    'used',
    'idle',
    'idle',
    'idle',
  ])
})

await t.test('nothing is given while they cannot be released', async t => {
  const world = await openWorld(t)
  await world.start('boot-1')
  await world.claim(A)
  await world.loseJournal()
  const commit = world.store.commit.bind(world.store)
  world.store.commit = async transaction => {
    if (writes(transaction, keyOf(A))) throw new StoreUnavailable('the store is away')
    return await commit(transaction)
  }
  const { membership, pools, claims } = await world.start('boot-2')
  t.strictSame(membership.state, { is: 'store-away', reason: 'the store is away' })
  const claim = claims.claim(pools.joined(pool.id), at(B), {}, engine())
  await t.rejects(claim, { code: 'not-ready' }, 'no address is given')
  t.strictSame(await world.states(A, B), ['used', undefined])
  world.store.commit = commit
  await membership.tend()
  t.strictSame(membership.state, { is: 'serving' })
  t.strictSame(await world.states(A), ['idle'])
})

await t.test('within a boot, what was answered stays and what was not is taken back', async t => {
  const world = await openWorld(t)
  await world.start('boot-1')
  for (const address of [A, B, C]) await world.claim(address)
  world.journal.writeAddress(keyOf(B), { ...world.entry(B), state: 'intent' })
  world.journal.writeAddress(keyOf(C), { ...world.entry(C), state: 'releasing' })
  await world.start('boot-1')
  t.strictSame(await world.states(A, B, C), ['used', 'idle', 'idle'])
  t.strictSame(await world.journalKeys(), [keyOf(A)])
})

await t.test('a claim that fails behind the fence is settled behind the next one', async t => {
  const world = await openWorld(t)
  const { registration, claims, settlement } = await world.parts('boot-1')
  const entry = { state: 'intent', pool: pool.id, op: 'op-1', boot: 'boot-1' } as const
  world.journal.writeAddress(keyOf(A), entry)
  await world.put(A)
  await settlement.load()
  const fence = registration.fence.bind(registration)
  registration.fence = async () => {
    await fence()
    claims.abandon(keyOf(A), { ...entry, op: 'op-2' })
  }
  await settlement.settle(() => 0)
  t.strictSame(await world.states(A), ['used'])
  t.strictSame(world.entry(A), entry)
  registration.fence = fence
  await put(world.store, keyOf(A), write(used({ op: 'op-2' })))
  await settlement.settle(() => 0)
  t.strictSame(await world.states(A), ['idle'])
})

await t.test('a claim that was answered is not settled', async t => {
  const world = await openWorld(t)
  const { claims, settlement } = await world.parts('boot-1')
  const left = { state: 'intent', pool: pool.id, op: 'op-1', boot: 'boot-1' } as const
  world.journal.writeAddress(keyOf(B), left)
  await settlement.load()
  const here = { pool, cooldownMs: 0, isJoined: () => true }
  t.equal(await claims.claim(here, at(A), {}, engine()), undefined)
  await settlement.settle(() => 0)
  t.strictSame(await world.states(A), ['used'])
  t.match(world.entry(A), { state: 'held' })
  t.strictSame(await world.journalKeys(), [keyOf(A)], 'and what was not is')
})

for (const [when, isFirst] of [
  ['before it commits', false],
  ['after it committed', true],
] as const) {
  await t.test(`a claim under way is not taken back by settling ${when}`, async t => {
    const world = await openWorld(t)
    const { claims, settlement } = await world.parts('boot-1')
    const left = { state: 'intent', pool: pool.id, op: 'op-1', boot: 'boot-1' } as const
    world.journal.writeAddress(keyOf(B), left)
    await world.put(B)
    await settlement.load()
    const reached = Promise.withResolvers<void>()
    let isReached = false
    const settled = Promise.withResolvers<void>()
    const commit = world.store.commit.bind(world.store)
    world.store.commit = async transaction => {
      if (isReached || !writes(transaction, keyOf(A))) return await commit(transaction)
      isReached = true
      const early = isFirst ? await commit(transaction) : undefined
      reached.resolve()
      await settled.promise
      return early ?? (await commit(transaction))
    }
    const claim = claims.claim({ pool, cooldownMs: 0, isJoined: () => true }, at(A), {}, engine())
    await reached.promise
    await settlement.settle(() => 0)
    t.strictSame(await world.states(B), ['idle'])
    settled.resolve()
    t.equal(await claim, undefined, 'where the fence was moved, it is sent again')
    t.strictSame(await world.states(A), ['used'])
    t.match(world.entry(A), { state: 'held' })
  })
}

await t.test('a claim of unknown outcome is settled after the fence was rewritten', async t => {
  const world = await openWorld(t)
  const ipam = await world.start('boot-1')
  const commit = world.store.commit.bind(world.store)
  const lost: Transaction[] = []
  world.store.commit = async transaction => {
    if (!writes(transaction, keyOf(A))) return await commit(transaction)
    lost.push(transaction)
    throw new OutcomeUnknown('the wire broke')
  }
  await t.rejects(world.claim(A), { name: 'OutcomeUnknown' })
  world.store.commit = commit
  t.match(world.entry(A), { state: 'intent' })
  await t.resolveMatch(world.claim(A), { doubtful: false }, 'nobody else gets it meanwhile')
  const steps = record(world.store)
  await ipam.membership.tend()
  const fenced = steps.indexOf(`put ${hostKey('host-1')}`)
  t.ok(fenced >= 0 && fenced < steps.indexOf(`get ${keyOf(A)}`), steps.join(', '))
  t.strictSame(await world.journalKeys(), [])
  const late = await Promise.all(lost.map(commit))
  t.notOk(
    late.some(({ committed }) => committed),
    'what was sent commits no more',
  )
  t.strictSame(await world.states(A), [undefined])
  t.equal(await world.claim(A), undefined, 'and now it is free')
})

await t.test('one that did commit is released by it', async t => {
  const world = await openWorld(t)
  const ipam = await world.start('boot-1')
  const commit = world.store.commit.bind(world.store)
  let sent = 0
  world.store.commit = async transaction => {
    if (!writes(transaction, keyOf(A))) return await commit(transaction)
    if (sent++ === 0) await commit(transaction)
    throw new OutcomeUnknown('the wire broke')
  }
  await t.rejects(world.claim(A), { name: 'OutcomeUnknown' })
  world.store.commit = commit
  await ipam.membership.tend()
  t.strictSame([await world.states(A), await world.journalKeys()], [['idle'], []])
})

await t.test('without a fence nothing is settled', async t => {
  const world = await openWorld(t)
  const { registration, settlement } = await world.parts('boot-1')
  const entry = { state: 'intent', pool: pool.id, op: 'op-1', boot: 'boot-1' } as const
  world.journal.writeAddress(keyOf(A), entry)
  await settlement.load()
  registration.fence = async () => await Promise.reject(new StoreUnavailable('away'))
  await t.rejects(
    settlement.settle(() => 0),
    { name: 'StoreUnavailable' },
  )
  t.strictSame(world.entry(A), entry)
})

await t.test('a release that the store did not take is delivered when it can be', async t => {
  const world = await openWorld(t)
  const ipam = await world.start('boot-1')
  await world.claim(A)
  const commit = world.store.commit.bind(world.store)
  world.store.commit = async () => await Promise.reject(new StoreUnavailable('away'))
  const here = { pool, cooldownMs: 0 }
  t.equal(await ipam.claims.release(here, parseAddress(A)), 'queued')
  await ipam.membership.tend()
  t.match(world.entry(A), { state: 'releasing' })
  world.store.commit = commit
  t.strictSame(await world.states(A), ['used'])
  await ipam.membership.tend()
  t.strictSame([await world.states(A), await world.journalKeys()], [['idle'], []])
})

const UNDELIVERED: Readonly<Record<string, (world: World, ipam: Ipam) => void>> = {
  'while the store is away': ({ store }) => {
    store.commit = async () => await Promise.reject(new StoreUnavailable('away'))
  },
  'while the store takes its time': ({ store }) => {
    const commit = store.commit.bind(store)
    store.commit = async transaction => await sleep(1000).then(() => commit(transaction))
  },
  'while this host has lost its place': (_, { registration }) => registration.place.lapse(),
}
for (const [when, arrange] of Object.entries(UNDELIVERED)) {
  await t.test(`a release that is answered ${when} survives a power cut`, async t => {
    const world = await openWorld(t)
    const ipam = await world.start('boot-1')
    await world.claim(A)
    const synced: string[] = []
    const sync = world.journal.sync.bind(world.journal)
    world.journal.sync = async () => {
      const { state } = world.entry(A)
      await sync()
      synced.push(state)
    }
    arrange(world, ipam)
    t.equal(await ipam.claims.release({ pool, cooldownMs: 0 }, parseAddress(A)), 'queued')
    t.strictSame(synced, ['releasing'])
    await sleep(1000)
  })
}

await t.test('a release that the journal could not note is made up for', async t => {
  const world = await openWorld(t)
  const ipam = await world.start('boot-1')
  await world.claim(A)
  const here = { pool, cooldownMs: 0 }
  await world.whileJournalIsFull(async () => {
    await t.rejects(ipam.claims.release(here, parseAddress(A)), /no space/)
  })
  t.match(world.entry(A), { state: 'held' })
  await ipam.membership.tend()
  t.strictSame([await world.states(A), await world.journalKeys()], [['idle'], []])
})

await t.test('a claim that the journal could not note does not block the address', async t => {
  const world = await openWorld(t)
  const ipam = await world.start('boot-1')
  await world.whileJournalIsFull(async () => {
    await t.rejects(world.claim(A), /no space/)
    await t.rejects(ipam.membership.tend(), /no space/)
  })
  t.strictSame(await world.states(A), [undefined])
  await ipam.membership.tend()
  t.equal(await world.claim(A), undefined)
  t.strictSame(await world.states(A), ['used'])
})

async function openWorld(t: Test): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-test-'))
  const database = await LevelDatabase.open(join(folder, 'db'))
  const file = join(folder, 'journal')
  const world = new World(file, database, await LevelJournal.open(database, file, 'boot-0'))
  t.teardown(async () => {
    await world.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return world
}

function used(changed: Partial<UsedRecord>): UsedRecord {
  return {
    state: 'used',
    pool: pool.id,
    host: 'host-1',
    hostName: 'rack1',
    generation: 1,
    op: 'op-1',
    boot: 'boot-1',
    since: '2026-11-02T08:00:00.000Z',
    ...changed,
  }
}

function writes({ write }: Transaction, key: string): boolean {
  return write.some(one => 'put' in one && one.put === key)
}

/** What is read and written from now on, in order, each when it is done. */
function record(store: Store): string[] {
  const steps: string[] = []
  const [get, commit] = [store.get.bind(store), store.commit.bind(store)]
  store.get = async key => {
    steps.push(`get ${key}`)
    return await get(key)
  }
  store.commit = async transaction => {
    const result = await commit(transaction)
    for (const one of transaction.write) if ('put' in one) steps.push(`put ${one.put}`)
    return result
  }
  return steps
}
