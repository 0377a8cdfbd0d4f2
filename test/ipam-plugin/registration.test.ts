import t from 'tap'
import { hostKey } from '../../ipam-plugin/keys.ts'
import { readHost, write } from '../../ipam-plugin/records.ts'
import { Registration } from '../../ipam-plugin/registration.ts'
import { OutcomeUnknown } from '../../shared/store.ts'
import type { Store } from '../../shared/store.ts'
import { openStore, put } from '../shared/open-store.ts'

const host = { id: 'id-1', name: 'rack1', boot: 'boot-1' }
const KEY = hostKey(host.id)

/** Whether a claim under the registration's fence would commit. */
async function passes(store: Store, registration: Registration): Promise<boolean> {
  return (await store.commit({ require: [registration.condition()], write: [] })).committed
}

await t.test('a host that was never seen gets a record, and its fence holds', async t => {
  const store = await openStore(t)
  const registration = await Registration.register(store, host)
  t.match(readHost(await store.get(KEY)), {
    name: 'rack1',
    generation: 1,
    nonce: /^[0-9a-f-]{36}$/,
  })
  t.equal(registration.generation, 1)
  t.ok(await passes(store, registration))
})

await t.test('registering again fences the instance before, and keeps the generation', async t => {
  const store = await openStore(t)
  await put(store, KEY, write({ name: 'old name', generation: 4, nonce: 'n' }))
  const before = await Registration.register(store, host)
  const after = await Registration.register(store, host)
  t.equal(after.generation, 4)
  t.match(readHost(await store.get(KEY)), { name: 'rack1', generation: 4 })
  t.notOk(await passes(store, before))
  t.ok(await passes(store, after))
})

await t.test('a record that changes while it is registered is read again', async t => {
  const store = await openStore(t)
  await put(store, KEY, write({ name: 'rack1', generation: 1, nonce: 'n' }))
  const commit = store.commit.bind(store)
  store.commit = async transaction => {
    store.commit = commit
    await put(store, KEY, write({ name: 'rack1', generation: 2, nonce: 'of an eviction' }))
    return await commit(transaction)
  }
  const registration = await Registration.register(store, host)
  t.equal(registration.generation, 2)
  t.ok(await passes(store, registration))
})

await t.test('fence() makes what was sent before fail, and what is sent after pass', async t => {
  const store = await openStore(t)
  const registration = await Registration.register(store, host)
  const sent = registration.condition()
  await registration.fence()
  const claim = await store.commit({ require: [sent], write: [{ put: 'a', value: '' }] })
  t.notOk(claim.committed)
  t.equal(await store.get('a'), undefined)
  t.ok(await passes(store, registration))
})

await t.test('refresh() takes over what an own fence of unknown outcome wrote', async t => {
  const store = await openStore(t)
  const registration = await Registration.register(store, host)
  const commit = store.commit.bind(store)
  store.commit = async transaction => {
    store.commit = commit
    await store.commit(transaction)
    throw new OutcomeUnknown('the wire broke')
  }
  await t.rejects(registration.fence(), { name: 'OutcomeUnknown' })
  t.notOk(await passes(store, registration))
  await registration.refresh()
  t.ok(await passes(store, registration))
})

await t.test('fence() does not write over a record that somebody else wrote', async t => {
  const store = await openStore(t)
  const registration = await Registration.register(store, host)
  const evicted = write({ name: 'rack1', generation: 2, nonce: 'of an eviction' })
  await put(store, KEY, evicted)
  await t.rejects(registration.fence(), { message: /changed by somebody else/ })
  t.match(await store.get(KEY), { value: evicted })
})

await t.test('refresh() refuses to go on under a record that somebody else wrote', async t => {
  const store = await openStore(t)
  const registration = await Registration.register(store, host)
  const refused = { message: /record of host rack1 was changed by somebody else; restart/ }
  await Registration.register(store, host)
  await t.rejects(registration.refresh(), refused)
  await store.commit({ require: [], write: [{ delete: KEY }] })
  await t.rejects(registration.refresh(), refused)
  t.notOk(await passes(store, registration))
})

await t.test(
  'instances that register at once all succeed, and one of them holds the fence',
  async t => {
    const store = await openStore(t)
    const all = await Promise.all(
      Array.from({ length: 5 }, () => Registration.register(store, host)),
    )
    const holding = await Promise.all(all.map(one => passes(store, one)))
    t.equal(holding.filter(Boolean).length, 1)
  },
)
