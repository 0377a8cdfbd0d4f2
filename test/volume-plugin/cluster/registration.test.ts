import t from 'tap'
import type { Condition } from '../../../shared/store.ts'
import { volumeHostKey } from '../../../volume-plugin/cluster/cluster-keys.ts'
import { readHost, write } from '../../../volume-plugin/cluster/cluster-records.ts'
import { MemoryStore } from '../../simulation/memory-store.ts'
import { NoteBook, openHost, registeredHost } from './hosts-world.ts'
import type { TestHost } from './hosts-world.ts'

const KEY = volumeHostKey('a')
const COPY = /^Another machine has registered with the identity .* berth cluster adopt$/
const SET_BACK = /^etcd was set back to an older state.* berth cluster adopt$/
const OTHER_STORE =
  /^This etcd is another one than this host registered with.* berth cluster adopt$/

await t.test('a host that was never seen gets a record, and its fence holds', async t => {
  const shared = new MemoryStore()
  const { registration } = await registeredHost(shared, 'a')
  t.match(readHost(shared.get(KEY)), { name: 'rack a', generation: 1, nonce: /^[0-9a-f-]{36}$/ })
  t.equal(registration.generation, 1)
  t.ok(registration.isRegistered)
  t.ok(holds(shared, registration.condition()))
})

await t.test('before it registered nothing is sent or believed, and it says why', async t => {
  const { way, registration, catalogue } = await openHost(new MemoryStore(), 'a')
  t.throws(() => registration.condition(), {
    code: 'not-ready',
    message: /rack a is not registered/,
  })
  await t.rejects(catalogue.list(), { name: 'StoreUnavailable' })
  way.isAway = true
  await t.rejects(registration.register(), { name: 'StoreUnavailable' })
  t.notOk(registration.isRegistered)
  t.throws(() => registration.condition(), { code: 'not-ready', message: /yet: simulated: away$/ })
  way.isAway = false
  await registration.register()
  t.strictSame((await catalogue.list()).volumes, [])
})

await t.test(
  'a process that registers fences the one before, and keeps the generation',
  async t => {
    const { shared, registration: before, book } = await host()
    const after = await registeredHost(shared, 'a', book)
    t.equal(after.registration.generation, 1)
    t.notOk(holds(shared, before.condition()))
    t.ok(holds(shared, after.registration.condition()))
  },
)

await t.test('a record whose answer was lost is known as its own', async t => {
  for (const fate of ['lost', 'never', 'late'] as const) {
    const shared = new MemoryStore()
    const before = await openHost(shared, 'a')
    before.way.fates = [fate]
    await t.rejects(before.registration.register(), { name: 'OutcomeUnknown' })
    const after = await openHost(shared, 'a', before.book)
    if (fate === 'late') {
      // It arrives between what the next process reads and what it writes.
      after.way.fate = () => (before.way.arrive(), 'done')
    }
    await after.registration.register()
    t.equal(after.registration.generation, 1, fate)
    t.ok(holds(shared, after.registration.condition()))
  }
})

await t.test('once it was fenced nothing that was sent before commits', async t => {
  const { way, registration } = await host()
  const require = [registration.condition()]
  way.fates = ['late']
  const sent = way.commit({ require, write: [{ put: 'x', value: 'late' }] })
  await t.rejects(sent, { name: 'OutcomeUnknown' })
  await registration.fence()
  t.equal(way.arrive(), 0)
  t.equal(await way.get('x'), undefined)
  t.ok(registration.isRegistered)
})

await t.test('what was fenced already is not fenced again', async t => {
  const { way, registration } = await host()
  const before = registration.condition()
  await Promise.all([registration.fence(before), registration.fence(before)])
  t.equal(way.sent.length, 2, 'registered, and fenced once')
  t.notOk(registration.isCurrent(before))
})

await t.test('fencing of unknown outcome is found out', async t => {
  for (const fate of ['lost', 'late', 'never'] as const) {
    const { shared, way, registration } = await host()
    way.fates = [fate]
    await t.rejects(registration.fence(), { name: 'OutcomeUnknown' })
    way.arrive()
    t.equal(await registration.refresh(), 'ours', fate)
    t.ok(holds(shared, registration.condition()), fate)
    await registration.fence()
    t.ok(holds(shared, registration.condition()), fate)
  }
})

await t.test(
  'what may stand in the record stays few, however long the answers are lost',
  async t => {
    const { way, registration, book } = await host()
    for (let i = 0; i < 50; i++) {
      way.fates = ['never']
      await t.rejects(registration.fence(), { name: 'OutcomeUnknown' })
    }
    t.ok((book.notes?.nonces.length ?? 99) <= 2)
    for (let i = 0; i < 50; i++) await registration.fence()
    t.ok((book.notes?.formerNonces.length ?? 99) <= 20)
  },
)

await t.test('a copy of the machine is found out by whichever registered first', async t => {
  const { shared, ...original } = await host()
  const copy = await registeredHost(shared, 'a', new NoteBook(original.book.notes))
  await t.rejects(original.registration.refresh(), { code: 'not-ready', message: COPY })
  t.match(original.registration.barred, COPY)
  t.notOk(original.registration.isRegistered)
  t.throws(() => original.registration.condition(), { code: 'not-ready', message: COPY })
  await t.rejects(original.registration.register(), { name: 'Barred', message: COPY })

  await original.registration.adopt()
  t.equal(original.registration.barred, undefined)
  t.equal(original.registration.generation, 2, 'what the copy took counts as of before')
  t.ok(holds(shared, original.registration.condition()))
  await t.rejects(copy.registration.fence(), { code: 'not-ready', message: COPY })
  t.ok(holds(shared, original.registration.condition()))
})

await t.test('a host that lost its memory does not go on with what a copy may hold', async t => {
  const { shared } = await host()
  const after = await openHost(shared, 'a')
  await t.rejects(after.registration.register(), {
    name: 'Barred',
    message: /its memory here is empty/,
  })
  await after.registration.adopt()
  t.equal(after.registration.generation, 2)
})

await t.test('a host from which a volume was taken finds out, and registers anew', async t => {
  const { shared, registration, book, catalogue } = await host()
  raise(shared)
  t.equal(await registration.refresh(), 'raised')
  t.notOk(registration.isRegistered)
  t.throws(() => registration.condition(), { code: 'not-ready', message: /break-lock/ })
  await t.rejects(registration.fence(), { code: 'not-ready', message: /break-lock/ })
  t.strictSame((await catalogue.list()).volumes, [], 'what is there is no secret')
  await registration.register()
  t.equal(registration.generation, 2)
  t.equal(book.notes?.generation, 2)
  t.ok(holds(shared, registration.condition()))
  t.equal(await registration.refresh(), 'ours')
})

await t.test('fencing finds out as well', async t => {
  const { shared, registration } = await host()
  raise(shared)
  await t.rejects(registration.fence(), { code: 'not-ready', message: /break-lock/ })
  t.notOk(registration.isRegistered)
})

await t.test('a store that was set back in its place is found out at the next fencing', async t => {
  const { shared, registration, catalogue, book } = await host()
  const snapshot = shared.snapshot(0)
  await registration.fence()
  shared.setBack(snapshot, shared.history)
  await t.rejects(registration.fence(), { code: 'not-ready', message: SET_BACK })
  t.match(registration.barred, SET_BACK)
  await t.rejects(catalogue.list(), { name: 'StoreUnavailable', message: SET_BACK })
  await t.rejects((await openHost(shared, 'a', book)).registration.register(), {
    message: SET_BACK,
  })
  await registration.adopt()
  t.equal(registration.generation, 2)
  t.strictSame((await catalogue.list()).volumes, [])
  const after = await registeredHost(shared, 'a', book)
  t.equal(after.registration.generation, 2)
})

await t.test('so is one whose record was older by a lost answer alone', async t => {
  const { shared, registration, way } = await host()
  way.fates = ['lost']
  await t.rejects(registration.fence(), { name: 'OutcomeUnknown' })
  const snapshot = shared.snapshot(0)
  await registration.fence()
  shared.setBack(snapshot, shared.history)
  await t.rejects(registration.fence(), { message: SET_BACK })
})

await t.test(
  'a volume that was taken since tells of a store that was set back long ago',
  async t => {
    const { shared, registration } = await host()
    const snapshot = shared.snapshot(0)
    raise(shared)
    await registration.register()
    for (let i = 0; i < 30; i++) await registration.fence()
    shared.setBack(snapshot, shared.history)
    await t.rejects(registration.fence(), { message: SET_BACK })
  },
)

await t.test('a store that does not know the host was set back before it', async t => {
  const shared = new MemoryStore()
  const empty = shared.snapshot(0)
  const { registration, book } = await registeredHost(shared, 'a')
  shared.setBack(empty, shared.history)
  await t.rejects(registration.refresh(), { message: SET_BACK })
  await t.rejects((await openHost(shared, 'a', book)).registration.register(), {
    message: SET_BACK,
  })
})

await t.test('another store is not written to before an operator said so', async t => {
  const shared = new MemoryStore()
  const { registration, catalogue, way } = await registeredHost(shared, 'a')
  shared.setBack(new MemoryStore().snapshot(0), 'history-1')
  await t.rejects(catalogue.list(), { name: 'StoreUnavailable' })
  await t.rejects(registration.fence(), { code: 'not-ready', message: OTHER_STORE })
  await t.rejects(registration.register(), { name: 'Barred', message: OTHER_STORE })
  await t.rejects(catalogue.list(), { name: 'StoreUnavailable', message: OTHER_STORE })
  t.equal(way.sent.length, 1, 'only the first registration was sent')
  t.equal(shared.get(KEY), undefined)
  await registration.adopt()
  t.match(readHost(shared.get(KEY)), { generation: 2 })
  t.strictSame((await catalogue.list()).volumes, [])
})

await t.test('of another store nothing is read while it is looked at', async t => {
  const { shared, registration, catalogue, way } = await host()
  shared.setBack(new MemoryStore().snapshot(0), 'history-1')
  const read: unknown[] = []
  const get = way.get.bind(way)
  way.get = async key => {
    read.push(await catalogue.list().catch((error: unknown) => error))
    return await get(key)
  }
  await t.rejects(registration.register(), { name: 'Barred' })
  t.match(read, [{ name: 'StoreUnavailable' }, { name: 'StoreUnavailable' }])
})

await t.test('an adoption that was cut off is done again', async t => {
  for (const fate of ['never', 'refused', 'lost'] as const) {
    const shared = new MemoryStore()
    const { registration, book, way } = await registeredHost(shared, 'a')
    shared.setBack(new MemoryStore().snapshot(0), 'history-1')
    way.fates = [fate]
    await t.rejects(registration.adopt())
    const after = await openHost(shared, 'a', book)
    if (fate === 'lost') await after.registration.register()
    else await t.rejects(after.registration.register(), { name: 'Barred' })
    await after.registration.adopt()
    t.ok(after.registration.isRegistered, fate)
  }
})

await t.test('where the store came or went with ETCD_ENDPOINTS, that is said', async t => {
  const shared = new MemoryStore()
  shared.history = 'local'
  const { book } = await registeredHost(shared, 'a')
  shared.setBack(new MemoryStore().snapshot(0), 'etcd')
  const joining = await openHost(shared, 'a', book)
  await t.rejects(joining.registration.register(), { message: /leave ETCD_ENDPOINTS empty, or/ })
  await joining.registration.adopt()
  shared.setBack(new MemoryStore().snapshot(0), 'local')
  const leaving = await openHost(shared, 'a', book)
  await t.rejects(leaving.registration.register(), {
    message: /ETCD_ENDPOINTS is empty: set it again/,
  })
})

await t.test('while the store is away nothing of what is known goes', async t => {
  const { registration, way, catalogue } = await host()
  way.isAway = true
  await t.rejects(registration.register(), { name: 'StoreUnavailable' })
  await t.rejects(registration.fence(), { name: 'StoreUnavailable' })
  await t.rejects(registration.refresh(), { name: 'StoreUnavailable' })
  t.ok(registration.isRegistered)
  t.equal(registration.barred, undefined)
  way.isAway = false
  t.strictSame((await catalogue.list()).volumes, [])
})

await t.test('the file system that the store knows is remembered', async t => {
  const { shared, registration, catalogue, book } = await host()
  const id = 'a'.repeat(32) as Parameters<typeof catalogue.initCluster>[0]
  t.equal(registration.cluster, undefined)
  t.equal(await catalogue.initCluster(id), id)
  t.equal(registration.cluster, id)
  const after = await openHost(shared, 'a', book)
  after.way.isAway = true
  t.equal(after.registration.cluster, id, 'while the store is away, as noted')
  const other = await registeredHost(shared, 'b')
  t.equal(other.registration.cluster, id, 'as the store has it')
})

function raise(shared: MemoryStore): void {
  const record = readHost(shared.get(KEY))
  if (!record) throw new Error('There is no record')
  const value = write({ ...record, generation: record.generation + 1 })
  shared.commit({ require: [], write: [{ put: KEY, value }] })
}

function holds(shared: MemoryStore, condition: Condition): boolean {
  return shared.commit({ require: [condition], write: [] }).committed
}

async function host(): Promise<TestHost & { readonly shared: MemoryStore }> {
  const shared = new MemoryStore()
  return { shared, ...(await registeredHost(shared, 'a')) }
}
