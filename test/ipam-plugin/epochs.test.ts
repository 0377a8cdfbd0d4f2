import t from 'tap'
import type { Entry, Transaction } from '../../shared/store.ts'
import { put } from '../shared/open-store.ts'
import { HostsWorld } from './hosts-world.ts'
import type { HostWorld } from './hosts-world.ts'

/** Behind the commit that `isMeant`, the store is set back to what it was before, and the host registers anew. */
async function setBackBehind(
  world: HostsWorld,
  host: HostWorld,
  isMeant: (transaction: Transaction) => boolean,
): Promise<void> {
  const before = await contents(world)
  const commit = host.store.commit.bind(host.store)
  host.store.commit = async transaction => {
    const result = await commit(transaction)
    if (!isMeant(transaction)) return result
    host.store.commit = commit
    for (const { key, value } of before) await put(world.store, key, value)
    await host.ipam.registration.register()
    return result
  }
}

/** All but what is of hosts: they notice by it, and this is about what they must not believe before they do. */
const contents = async ({ store }: HostsWorld): Promise<readonly Entry[]> => [
  ...(await store.list('v1/addresses/', 'v1/addresses0', 99)),
  ...(await store.list('v1/pools/', 'v1/pools0', 99)),
  ...(await store.list('v1/segments/', 'v1/segments0', 99)),
]

await t.test('a release is done again where its answer is of an earlier epoch', async t => {
  const world = await HostsWorld.open(t)
  const host = await world.host('a')
  const pool = await host.requestPool('192.0.2.0/29')
  const address = await host.endpoint(pool)
  await setBackBehind(world, host, ({ write }) => JSON.stringify(write).includes('idle'))
  await host.release(pool, address)
  await host.tend()
  const states = (await world.store.list('v1/addresses/', 'v1/addresses0', 9)).map(
    ({ value }) => (JSON.parse(value) as { state: string }).state,
  )
  t.strictSame(states, ['idle'])
})

await t.test('a pool is left again where its answer is of an earlier epoch', async t => {
  const world = await HostsWorld.open(t)
  const host = await world.host('a')
  const pool = await host.requestPool('192.0.2.0/29')
  await host.gateway(pool, '192.0.2.1')
  await setBackBehind(world, host, ({ write }) => write.some(one => 'delete' in one))
  await host.releasePool(pool)
  await host.tend()
  t.strictSame(await contents(world), [])
  t.strictSame(host.ipam.pools.all(), [])
})

await t.test('a claim is not told where its answer is of an earlier epoch', async t => {
  const world = await HostsWorld.open(t)
  const host = await world.host('a')
  const pool = await host.requestPool('192.0.2.0/29')
  await setBackBehind(world, host, ({ write }) => JSON.stringify(write).includes('used'))
  await t.rejects(host.endpoint(pool), { name: 'OutcomeUnknown' })
})
