import t from 'tap'
import { parseAddress } from '../../ipam-plugin/addresses.ts'
import { addressKey, hostKey } from '../../ipam-plugin/keys.ts'
import { readAddress, readHost, write } from '../../ipam-plugin/records.ts'
import { OutcomeUnknown, StoreUnavailable } from '../../shared/store.ts'
import type { Transaction } from '../../shared/store.ts'
import { put } from '../shared/open-store.ts'
import { HostsWorld } from './hosts-world.ts'
import type { HostWorld } from './hosts-world.ts'

const SUBNET = '192.0.2.0/29'
const keyOf = (address: string) => addressKey('default', parseAddress(address))

await t.test('what was lost is told, each with who has it now', async t => {
  const { one, two, pool } = await twoHosts(t)
  const lost = await two.endpoint(pool)
  await evict(one, 'host-2')
  await one.endpoint(pool, lost)
  two.told.length = 0
  await two.tend()
  await two.tend()
  const told = two.told.filter(({ level }) => level === 'error')
  t.match(told, [{ message: /^Lost while this host was away/, details: { what: lost, why: /-1/ } }])
  t.equal(told.length, 1)
})

await t.test('an address that an eviction is about to free is claimed again', async t => {
  const { world, one, two, pool } = await twoHosts(t)
  const back = await two.endpoint(pool)
  await evict(one, 'host-2')
  await one.endpoint(pool, back)
  const key = hostKey('host-1')
  const record = readHost(await world.store.get(key))
  if (!record) throw new Error('host-1 is not registered')
  const cutOff = { ...record, generation: record.generation + 1, nonce: 'n', evicted: true }
  await put(world.store, key, write(cutOff))
  await two.tend()
  await two.tend()
  t.match(await two.ask('GET /v1/self'), { state: 'serving', lost: [] })
  t.match(readAddress(await world.store.get(keyOf(back))), { state: 'used', host: 'host-2' })
  await one.tend()
  await one.tend()
  t.match(await one.ask('GET /v1/self'), { lost: [{ address: back }] })
})

await t.test(
  'what is released while this host is not in the store is not claimed again',
  async t => {
    const { world, one, two, pool } = await twoHosts(t)
    const gone = await two.endpoint(pool)
    await evict(one, 'host-2')
    await two.tend()
    two.store.calls = []
    await two.release(pool, gone)
    t.strictSame(two.store.calls, [], 'nothing is sent')
    t.match(await two.ask('GET /v1/self'), { queuedReleases: 1 })
    await two.tend()
    t.match(await two.ask('GET /v1/self'), { state: 'serving', queuedReleases: 0, lost: [] })
    t.match(readAddress(await world.store.get(keyOf(gone))), { state: 'idle' })
  },
)

for (const when of ['before', 'after'] as const) {
  await t.test(`a re-claim of unknown outcome that commits ${when} the release`, async t => {
    const { world, one, two, pool } = await twoHosts(t)
    const address = await two.endpoint(pool)
    await evict(one, 'host-2')
    await two.tend()
    const commit = two.store.commit.bind(two.store)
    let sent: Transaction = { require: [], write: [] }
    two.store.commit = async transaction => {
      if (!puts(transaction, keyOf(address))) return await commit(transaction)
      sent = transaction
      throw new OutcomeUnknown('the wire broke')
    }
    await two.tend()
    two.store.commit = commit
    if (when === 'before') t.ok((await commit(sent)).committed)
    await two.release(pool, address)
    if (when === 'after') t.ok((await commit(sent)).committed)
    await two.tend()
    await two.tend()
    t.match(await two.ask('GET /v1/self'), { state: 'serving', queuedReleases: 0, lost: [] })
    t.match(readAddress(await world.store.get(keyOf(address))), { state: 'idle' }, 'is undone')
    t.notOk((await commit(sent)).committed, 'for good')
  })
}

await t.test('a pool is not left before what an earlier boot left in it is released', async t => {
  const world = await HostsWorld.open(t)
  const before = await world.host('host-1')
  const pool = await before.requestPool(SUBNET)
  const known = await before.endpoint(pool)
  const orphan = '192.0.2.6'
  const record = readAddress(await world.store.get(keyOf(known)))
  if (record?.state !== 'used') throw new Error(`${known} is not used`)
  await put(world.store, keyOf(orphan), write({ ...record, op: 'of a lost journal' }))
  await before.release(pool, known)
  await world.stop('host-1')
  const host = await world.host('host-1', { boot: 'boot-2', isAway: true })
  const list = host.store.list.bind(host.store)
  host.store.list = async () => {
    throw new StoreUnavailable('it went away again')
  }
  host.store.isAway = false
  await host.tend()
  host.store.list = list
  await host.releasePool(pool)
  t.match(await host.ask('GET /v1/pools'), { pools: [{ subnet: SUBNET }] }, 'not yet')
  await host.tend()
  t.strictSame(await host.ask('GET /v1/pools'), { pools: [] })
  t.not(readAddress(await world.store.get(keyOf(orphan)))?.state, 'used')
})

async function twoHosts(t: Parameters<typeof HostsWorld.open>[0]) {
  const world = await HostsWorld.open(t)
  const [one, two] = [await world.host('host-1'), await world.host('host-2')]
  const pool = await one.requestPool(SUBNET)
  await two.requestPool(SUBNET)
  return { world, one, two, pool }
}

function puts({ write }: Transaction, key: string): boolean {
  return write.some(one => 'put' in one && one.put === key)
}

async function evict(by: HostWorld, id: string): Promise<void> {
  await by.ask('POST /v1/hosts/:id/evict', { params: { id }, body: { force: true } })
}
