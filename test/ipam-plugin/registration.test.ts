import t from 'tap'
import type { Test } from 'tap'
import { hostKey, RECOVERY, seenKey } from '../../ipam-plugin/keys.ts'
import { LevelNotes } from '../../ipam-plugin/level-notes.ts'
import type { NoteBook, Notes } from '../../ipam-plugin/notes.ts'
import { readHost, readRecovery, readSeen, write } from '../../ipam-plugin/records.ts'
import type { HostRecord, RecoveryRecord } from '../../ipam-plugin/records.ts'
import { Registration } from '../../ipam-plugin/registration.ts'
import { LevelDatabase } from '../../shared/level-database.ts'
import { LevelStore } from '../../shared/level-store.ts'
import { OutcomeUnknown } from '../../shared/store.ts'
import type { Condition, Store } from '../../shared/store.ts'
import { put } from '../shared/open-store.ts'

const machine = { product: '4c4c', macs: ['02:42:0a:01:02:03'] }
const host = { id: 'id-1', name: 'rack1', boot: 'boot-1', machine }
const KEY = hostKey(host.id)
const SEEN = seenKey(host.id)
const COPY = /^Another machine has registered .* berth host adopt$/
const OTHER_STORE = /^This etcd is another one than this host registered with/
const SET_BACK = /^etcd was set back .* berth recover$/
const gate: RecoveryRecord = { id: 'r', number: 1, state: 'open', by: 'rack2', since: 'x' }
const evicted: HostRecord = { name: 'rack1', generation: 2, nonce: 'of an eviction', evicted: true }

await t.test('a host that was never seen gets a record, and its fence holds', async t => {
  const { store, open } = await openWorld(t)
  const registration = await open()
  t.strictSame(await registration.register(), { is: 'new' })
  t.match(readHost(await store.get(KEY)), {
    name: 'rack1',
    machine,
    generation: 1,
    nonce: /^[0-9a-f-]{36}$/,
  })
  t.equal(registration.generation, 1)
  t.ok(registration.place.isIntact)
  t.ok(await passes(store, registration))
})

await t.test('before it registered there is no fence, and no claim', async t => {
  const { open } = await openWorld(t)
  const registration = await open()
  t.notOk(registration.place.isIntact)
  t.throws(() => registration.place.conditions(), { code: 'not-ready', message: /not registered/ })
  t.throws(() => registration.place.claimConditions(), { code: 'not-ready' })
})

await t.test('registering again fences the instance before, and keeps the generation', async t => {
  const { store, open } = await openWorld(t)
  const before = await registered(open)
  await before.noteReturned()
  const after = await open({ ...host, name: 'new name' })
  t.strictSame(await after.register(), { is: 'mine' })
  t.equal(after.generation, 1)
  t.match(readHost(await store.get(KEY)), { name: 'new name', generation: 1 })
  t.notOk(await passes(store, before))
  t.ok(await passes(store, after))
})

await t.test(
  'on a store of its own, a record from before there were notes is this host’s',
  async t => {
    const { store, open } = await openWorld(t)
    await put(store, KEY, write({ name: 'old name', generation: 4, nonce: 'n' }))
    const registration = await open()
    t.strictSame(await registration.register(), { is: 'mine' })
    t.equal(registration.generation, 4)
    t.ok(registration.isReturned, 'its journal was claimed under it')
    t.ok(registration.mayHaveOrphans, 'of whichever boot')
  },
)

await t.test(
  'it is this host’s still, where the first attempt to register was cut off',
  async t => {
    const { store, notes, open } = await openWorld(t)
    await put(store, KEY, write({ name: 'old name', generation: 4, nonce: 'n' }))
    const commit = cutOffNextCommit(store, 'unsent')
    await t.rejects((await open()).register(), { name: 'OutcomeUnknown' })
    store.commit = commit
    t.ok(await notes.read(), 'something was noted')
    t.strictSame(await (await open()).register(), { is: 'mine' })
  },
)

await t.test('a record that changes while it is registered is read again', async t => {
  const { store, open } = await openWorld(t)
  const before = await registered(open)
  await before.noteReturned()
  const commit = store.commit.bind(store)
  store.commit = async transaction => {
    store.commit = commit
    await put(store, KEY, write(evicted))
    return await commit(transaction)
  }
  const registration = await open()
  t.strictSame(await registration.register(), { is: 'returning' })
  t.equal(registration.generation, 2)
  t.equal(readHost(await store.get(KEY))?.evicted, undefined, 'it is back')
  t.ok(await passes(store, registration))
})

await t.test('a recovery that opens while it is registered is taken part in', async t => {
  const { store, open } = await openWorld(t)
  const commit = store.commit.bind(store)
  store.commit = async transaction => {
    store.commit = commit
    await put(store, RECOVERY, write(gate))
    return await commit(transaction)
  }
  const registration = await open()
  t.strictSame(await registration.register(), { is: 'recovering', id: 'r', phase: 'fenced' })
  t.match(readHost(await store.get(KEY)), { recovery: { id: 'r', phase: 'fenced' } })
})

for (const when of ['unsent', 'sent'] as const) {
  await t.test(`an own write of unknown outcome (${when}) is known after a restart`, async t => {
    const { store, open } = await openWorld(t)
    await (await registered(open)).noteReturned()
    const commit = cutOffNextCommit(store, when)
    await t.rejects((await open()).register(), { name: 'OutcomeUnknown' })
    store.commit = commit
    t.strictSame(await (await open()).register(), { is: 'mine' })
  })
}

await t.test('fence() makes what was sent before fail, and what is sent after pass', async t => {
  const { store, open } = await openWorld(t)
  const registration = await registered(open)
  const sent = registration.place.conditions()
  await registration.fence()
  const claim = await store.commit({ require: sent, write: [{ put: 'a', value: '' }] })
  t.notOk(claim.committed)
  t.equal(await store.get('a'), undefined)
  t.ok(await passes(store, registration))
})

await t.test('change() is a fence as well, and keeps what is said in the record', async t => {
  const { store, open } = await openWorld(t)
  const registration = await registered(open)
  const sent = registration.place.conditions()
  await registration.change(record => ({ ...record, recovery: { id: 'r', phase: 'cleaned' } }))
  t.match(readHost(await store.get(KEY)), { recovery: { id: 'r', phase: 'cleaned' } })
  t.match(registration.record, { recovery: { id: 'r', phase: 'cleaned' } })
  t.notOk((await store.commit({ require: sent, write: [] })).committed)
  t.ok(await passes(store, registration))
})

await t.test('refresh() takes over what an own fence of unknown outcome wrote', async t => {
  const { store, open } = await openWorld(t)
  const registration = await registered(open)
  const commit = cutOffNextCommit(store, 'sent')
  await t.rejects(registration.fence(), { name: 'OutcomeUnknown' })
  store.commit = commit
  t.notOk(await passes(store, registration))
  await registration.refresh()
  t.ok(registration.place.isIntact)
  t.ok(await passes(store, registration))
})

await t.test('fence() does not write over a record that somebody else wrote', async t => {
  const { store, open } = await openWorld(t)
  const registration = await registered(open)
  await put(store, KEY, write(evicted))
  await t.rejects(registration.fence(), { code: 'not-ready', message: /evicted, or its record/ })
  t.match(await store.get(KEY), { value: write(evicted) })
  t.notOk(registration.place.isIntact, 'it has to register anew')
})

await t.test('refresh() refuses to go on under a record that somebody else wrote', async t => {
  const { store, open } = await openWorld(t)
  const registration = await registered(open)
  await registration.noteReturned()
  await put(store, KEY, write({ name: 'rack1', generation: 1, nonce: 'of a copy' }))
  await t.rejects(registration.refresh(), { code: 'not-ready', message: COPY })
  t.notOk(registration.place.isIntact)
  await store.commit({ require: [], write: [{ delete: KEY }] })
  await t.rejects(registration.refresh(), { code: 'not-ready', message: SET_BACK })
  t.throws(() => registration.place.conditions(), { code: 'not-ready' })
})

await t.test('of copies that register at once one holds the fence, the others stop', async t => {
  const { store, open } = await openWorld(t)
  const all = await Promise.all(Array.from({ length: 5 }, () => open(host, inMemory())))
  const outcomes = await Promise.allSettled(all.map(one => one.register()))
  const isIn = outcomes.map(({ status }) => status === 'fulfilled')
  t.equal(isIn.filter(Boolean).length, 1)
  for (const one of outcomes)
    if (one.status === 'rejected') t.match(one.reason, { name: 'Barred', message: COPY })
  const holding = all.filter((_, i) => isIn[i])
  t.ok(await passes(store, ...holding))
})

await t.test('registering twice at once, an instance has its own record', async t => {
  const { store, open } = await openWorld(t)
  const registration = await open()
  await Promise.all([registration.register(), registration.register(), registration.register()])
  t.ok(await passes(store, registration))
})

await t.test('claims may be sent while it is open, and require the record', async t => {
  const { store, open } = await openWorld(t)
  const registration = await registered(open)
  t.throws(() => registration.place.claimConditions(), {
    code: 'not-ready',
    message: /its own addresses/,
  })
  registration.place.open()
  t.strictSame(registration.place.claimConditions(), registration.place.conditions())
  t.equal(
    registration.place.conditions().length,
    1,
    'of a store of its own, no more than the record',
  )
  registration.place.close()
  t.throws(() => registration.place.claimConditions(), { code: 'not-ready' })
  await registration.beat()
  t.equal(await store.get(SEEN), undefined, 'nobody looks for signs of life in a store of its own')
})

await t.test('where others use the store, the last sign of life is of the fence too', async t => {
  const { store, notes, open } = await openWorld(t, 'cluster-1')
  const registration = await registered(open)
  registration.place.open()
  t.ok(await claims(store, registration), 'also before the first')
  const sent = registration.place.claimConditions()
  await registration.beat()
  await registration.beat()
  t.match(readSeen(await store.get(SEEN)), { beat: 2, nonce: registration.record.nonce })
  t.equal((await notes.read())?.beat, 2)
  t.notOk((await store.commit({ require: sent, write: [] })).committed)
  t.ok(await claims(store, registration))
})

await t.test('what a lost commit found tells whether it was the fence that failed', async t => {
  const { store, open } = await openWorld(t, 'cluster-1')
  const registration = await registered(open)
  await registration.beat()
  await put(store, 'a', 'of somebody else')
  const stillHeld = async () => {
    const taken: Condition = { is: 'absent', key: 'a' }
    const lost = await store.commit({
      require: [taken, ...registration.place.conditions()],
      write: [],
    })
    return !lost.committed && registration.place.stillHeld(lost.current)
  }
  t.ok(await stillHeld(), 'the address is taken')
  for (const key of [KEY, SEEN]) {
    await put(store, key, (await store.get(key))?.value ?? '')
    t.notOk(await stillHeld(), key)
    await registration.refresh()
    t.ok(await stillHeld())
  }
  await put(store, RECOVERY, write({ ...gate, state: 'needed' }))
  t.notOk(await stillHeld(), RECOVERY)
})

for (const state of ['needed', 'open'] as const) {
  await t.test(`a recovery that is ${state} stops what is sent, and what is to be`, async t => {
    const { store, open } = await openWorld(t, 'cluster-1')
    const registration = await registered(open)
    await registration.noteReturned()
    registration.place.open()
    await registration.beat()
    await put(store, RECOVERY, write({ ...gate, state }))
    t.notOk(await claims(store, registration))
    const message = state === 'needed' ? SET_BACK : /registering anew/
    await t.rejects(registration.beat(), { code: 'not-ready', message })
    t.match(readSeen(await store.get(SEEN)), { beat: 1 })
    t.notOk(registration.place.isIntact)
    t.throws(
      () => registration.place.conditions(),
      { code: 'not-ready' },
      'nothing is sent any more',
    )
  })
}

await t.test('once a recovery is over, its gate is as good as none', async t => {
  const { store, open } = await openWorld(t, 'cluster-1')
  const registration = await registered(open)
  await registration.noteReturned()
  await put(store, RECOVERY, write({ ...gate, state: 'closed' }))
  t.notOk(await passes(store, registration), 'it is another one than was there')
  await registration.refresh()
  t.ok(await passes(store, registration))
})

await t.test(
  'a sign of life of unknown outcome is taken over, and the next one counts on',
  async t => {
    const { store, notes, open } = await openWorld(t, 'cluster-1')
    const registration = await registered(open)
    registration.place.open()
    await registration.beat()
    const commit = cutOffNextCommit(store, 'sent')
    await t.rejects(registration.beat(), { name: 'OutcomeUnknown' })
    store.commit = commit
    t.notOk(await claims(store, registration))
    await registration.refresh()
    t.ok(await claims(store, registration))
    t.equal((await notes.read())?.beat, 2)
    await registration.beat()
    t.match(readSeen(await store.get(SEEN)), { beat: 3 })
  },
)

await t.test(
  'a store that was set back is noticed by the claim, the beat and the start',
  async t => {
    const { store, open } = await openWorld(t, 'cluster-1')
    const registration = await registered(open)
    await registration.noteReturned()
    registration.place.open()
    await registration.beat()
    const older = (await store.get(SEEN))?.value ?? ''
    await registration.beat()
    await put(store, SEEN, older)
    t.notOk(await claims(store, registration))
    await t.rejects(registration.beat(), { code: 'not-ready', message: SET_BACK })
    await t.rejects(registration.refresh(), { code: 'not-ready', message: SET_BACK })
    t.notOk(registration.place.isIntact)
    await t.rejects((await open()).register(), { name: 'Barred', message: SET_BACK })
  },
)

await t.test('the host that finds the store set back tells all others', async t => {
  const { store, notes, open } = await openWorld(t, 'cluster-1')
  await put(store, RECOVERY, write({ ...gate, number: 7, state: 'closed' }))
  const registration = await registered(open)
  await registration.noteReturned()
  await registration.beat()
  t.equal(registration.lastRecovery, 7)
  const other = await open({ ...host, id: 'id-2', name: 'rack2' }, inMemory())
  await other.register()
  t.ok(await passes(store, other))
  await put(store, RECOVERY, write({ ...gate, id: 'q', number: 2, state: 'closed' }))
  await store.commit({ require: [], write: [{ delete: SEEN }] })
  await t.rejects(registration.register(), { name: 'Barred', message: SET_BACK })
  const told = readRecovery(await store.get(RECOVERY))
  t.match(told, { state: 'needed', by: 'rack1', number: 8 }, 'it counts on from what it knows')
  t.equal((await notes.read())?.recovery?.number, 7, 'which has not begun yet')
  t.notOk(await passes(store, other), 'what others have sent does not commit')
  await t.rejects(other.refresh(), { code: 'not-ready', message: SET_BACK })
  await t.rejects(other.register(), { name: 'Barred', message: SET_BACK })
  await t.rejects(registration.register(), { name: 'Barred', message: SET_BACK })
  t.strictSame(readRecovery(await store.get(RECOVERY)), told, 'it is told once')
})

await t.test('of hosts that find it at once, one tells', async t => {
  const { store, open } = await openWorld(t, 'cluster-1')
  const registration = await registered(open)
  await registration.noteReturned()
  await registration.beat()
  await store.commit({ require: [], write: [{ delete: SEEN }] })
  const told = write({ ...gate, state: 'needed' })
  const commit = store.commit.bind(store)
  store.commit = async transaction => {
    store.commit = commit
    await put(store, RECOVERY, told)
    return await commit(transaction)
  }
  await t.rejects(registration.register(), { name: 'Barred', message: SET_BACK })
  t.equal((await store.get(RECOVERY))?.value, told)
})

await t.test(
  'a record that this host wrote earlier is one of a store that was set back',
  async t => {
    const { store, notes, open } = await openWorld(t, 'cluster-1')
    const registration = await registered(open)
    await registration.noteReturned()
    for (let i = 0; i < 25; i++) await registration.fence()
    t.equal((await notes.read())?.formerNonces.length, 20, 'not all of them are remembered')
    const older = (await store.get(KEY))?.value ?? ''
    for (let i = 0; i < 20; i++) await registration.fence()
    await put(store, KEY, older)
    await t.rejects(registration.refresh(), { code: 'not-ready', message: SET_BACK })
  },
)

await t.test('an evicted host gives no sign of life any more', async t => {
  const { store, open } = await openWorld(t, 'cluster-1')
  const registration = await registered(open)
  await registration.noteReturned()
  await registration.beat()
  await put(store, KEY, write(evicted))
  await t.rejects(registration.beat(), { code: 'not-ready', message: /was evicted/ })
  t.match(readSeen(await store.get(SEEN)), { beat: 1 })
  t.notOk(registration.place.isIntact)
  t.strictSame(await registration.register(), { is: 'returning' })
  t.notOk(registration.isReturned, 'what the journal holds is of the generation before')
  await registration.noteReturned()
  t.ok(registration.isReturned)
  t.ok((await open()).mayHaveOrphans === false, 'within the boot there are no orphans')
})

await t.test('what earlier boots left is looked for once a boot', async t => {
  const { open } = await openWorld(t)
  t.notOk((await registered(open)).mayHaveOrphans, 'the first one has none before it')
  const next = await open({ ...host, boot: 'boot-2' })
  await next.register()
  t.ok(next.mayHaveOrphans)
  await next.noteOrphansReleased()
  t.notOk(next.mayHaveOrphans)
  t.notOk((await open({ ...host, boot: 'boot-2' })).mayHaveOrphans)
})

await t.test('adopt() makes the record this machine’s, on the operator’s word', async t => {
  const { store, notes, open } = await openWorld(t, 'cluster-1')
  const registration = await registered(open)
  await registration.noteReturned()
  await put(store, KEY, write({ name: 'rack1', generation: 1, nonce: 'of a copy' }))
  await t.rejects(registration.register(), { name: 'Barred', message: COPY })
  await registration.adopt(async () => void t.fail('the journal is there'))
  t.strictSame(await registration.register(), { is: 'returning' })
  t.notOk(registration.isReturned, 'what it holds is claimed again')
  t.equal((await notes.read())?.nonces.length, 1)
})

await t.test('adopt() has the journal written before the notes, where both were lost', async t => {
  const { store, open } = await openWorld(t, 'cluster-1')
  const before = await registered(open)
  await before.beat()
  const registration = await open(host, inMemory())
  await t.rejects(registration.register(), { name: 'Barred', message: /its journal here is empty/ })
  await t.rejects(
    registration.adopt(async () => Promise.reject(new Error('no'))),
    { message: 'no' },
  )
  await t.rejects(registration.register(), { name: 'Barred', message: /its journal here is empty/ })
  await registration.adopt(async () => {})
  t.strictSame(await registration.register(), { is: 'returning' })
  await registration.beat()
  t.match(readSeen(await store.get(SEEN)), { beat: 2 })
})

await t.test('adopt() of a host that was evicted meanwhile has it return', async t => {
  const { store, open } = await openWorld(t, 'cluster-1')
  await registered(open)
  await put(store, KEY, write(evicted))
  const registration = await open(host, inMemory())
  await registration.adopt(async () => {})
  t.strictSame(await registration.register(), { is: 'returning' })
  t.notOk(registration.isReturned)
})

await t.test('adopt() of a host that the store does not know changes nothing', async t => {
  const { notes, open } = await openWorld(t, 'cluster-1')
  await (await open()).adopt(async () => void t.fail('nothing is known'))
  t.equal(await notes.read(), undefined)
})

await t.test('adopt() is the word that another store is the right one from now on', async t => {
  const { store, open } = await openWorld(t, 'cluster-1')
  const registration = await registered(open)
  await registration.noteReturned()
  await registration.beat()
  await store.commit({ require: [], write: [{ delete: KEY }, { delete: SEEN }] })
  store.history = async () => 'cluster-2'
  await t.rejects(registration.register(), { name: 'Barred', message: OTHER_STORE })
  t.equal(await store.get(RECOVERY), undefined, 'the hosts there are not stopped')
  await registration.adopt(async () => void t.fail('the journal is there'))
  t.strictSame(await registration.register(), { is: 'returning' })
  t.notOk(registration.isReturned)
  await registration.beat()
  t.match(readSeen(await store.get(SEEN)), { beat: 1 })
})

await t.test('adopt() does not settle that a store was set back', async t => {
  const { store, open } = await openWorld(t, 'cluster-1')
  const registration = await registered(open)
  await registration.noteReturned()
  const older = (await store.get(KEY))?.value ?? ''
  await registration.fence()
  await registration.beat()
  await put(store, KEY, older)
  await registration.adopt(async () => {})
  await t.rejects(registration.register(), { name: 'Barred', message: SET_BACK })
})

type Open = (as?: typeof host, book?: NoteBook) => Promise<Registration>

/** A store, and what this host notes beside it; `history`: as that of a store which others use. */
async function openWorld(t: Test, history?: string) {
  const database = await LevelDatabase.open(t.testdir())
  t.teardown(() => database.close())
  const store: Store = new LevelStore(database, 'store/')
  if (history) store.history = async () => history
  const notes: NoteBook = new LevelNotes(database)
  const open: Open = async (as = host, book = notes) => await Registration.open(store, book, as)
  return { store, notes, open }
}

async function registered(open: Open): Promise<Registration> {
  const registration = await open()
  await registration.register()
  return registration
}

/** The notes of a machine of its own. */
function inMemory(): NoteBook {
  let noted: Notes | undefined
  return {
    read: async () => noted,
    write: async notes => {
      noted = notes
    },
  }
}

/** Whether a transaction under the registrations' fences would commit. */
async function passes(store: Store, ...registrations: readonly Registration[]): Promise<boolean> {
  const require = registrations.flatMap(one => one.place.conditions())
  return require.length > 0 && (await store.commit({ require, write: [] })).committed
}

async function claims(store: Store, registration: Registration): Promise<boolean> {
  const result = await store.commit({ require: registration.place.claimConditions(), write: [] })
  return result.committed
}

/** The outcome of the next commit is unknown. @returns the commit as it was */
function cutOffNextCommit(store: Store, when: 'sent' | 'unsent'): Store['commit'] {
  const commit = store.commit.bind(store)
  store.commit = async transaction => {
    if (when === 'sent') await commit(transaction)
    throw new OutcomeUnknown('the wire broke')
  }
  return commit
}
