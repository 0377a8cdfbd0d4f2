import t from 'tap'
import { ADDRESSES, hostKey, seenKey } from '../../ipam-plugin/keys.ts'
import { readHost } from '../../ipam-plugin/records.ts'
import { endOf } from '../../shared/store.ts'
import { refusal } from './driver-world.ts'
import { HostsWorld, passTime } from './hosts-world.ts'

/** Longer than a recovery waits for hosts that the store has forgotten. */
const GATHER_MS = 15_000
const SUBNET = '192.0.2.0/24'

type Page = { readonly addresses: readonly { readonly address: string }[] }

await t.test('a recovery waits for every host, and is over when all have come', async t => {
  const world = await HostsWorld.open(t)
  const [one, two] = [await world.host('host-1'), await world.host('host-2')]
  t.match(await one.ask('GET /v1/recovery'), { open: false, waiting: [] })
  const pool = await two.requestPool(SUBNET)
  const kept = await two.endpoint(pool)
  const begun = await one.ask<{ id: string }>('POST /v1/recover')
  t.match(await one.ask('GET /v1/recovery'), { open: true, by: 'name-of-host-1' })
  t.equal((await one.ask<{ id: string }>('POST /v1/recover')).id, begun.id, 'it goes on with it')
  await one.tend()
  t.match(await one.ask('GET /v1/self'), { state: 'suspended', reason: /waits a moment for hosts/ })
  passTime(t, GATHER_MS)
  await one.tend()
  t.match(await one.ask('GET /v1/self'), { reason: /waits for name-of-host-2: start berth there/ })
  const reached = async () => readHost(await world.store.get(hostKey('host-1')))?.recovery?.phase
  t.equal(await reached(), 'cleaned', 'nobody claims again what another may have to release')
  await two.tend()
  await two.tend()
  passTime(t, GATHER_MS)
  for (const host of [one, two, one]) await host.tend()
  t.match(await one.ask('GET /v1/recovery'), { open: false, state: 'closed', waiting: [] })
  await two.tend()
  for (const host of [one, two]) t.match(await host.ask('GET /v1/self'), { state: 'serving' })
  const { addresses } = await one.ask<Page>('GET /v1/addresses')
  t.match(addresses, [{ address: kept, state: 'used', hostName: 'name-of-host-2' }])
  const record = readHost(await world.store.get(hostKey('host-2')))
  t.match(addresses, [{ generation: record?.generation }], 'under the generation of its host')
})

await t.test(
  'a store that was set back stops all hosts, and a recovery brings them back',
  async t => {
    const world = await HostsWorld.open(t)
    const [one, two, three] = [
      await world.host('host-1'),
      await world.host('host-2'),
      await world.host('host-3'),
    ]
    const pool = await one.requestPool(SUBNET)
    await two.requestPool(SUBNET)
    const kept = await two.endpoint(pool)
    await forget(world, 'host-2')
    await two.tend()
    await two.tend()
    t.match(await two.ask('GET /v1/self'), { state: 'suspended', reason: /berth recover$/ })
    t.match(await one.ask('GET /v1/recovery'), {
      open: false,
      state: 'needed',
      by: 'name-of-host-2',
    })
    t.equal(await refusal(one.endpoint(pool)), 'not-ready')
    await one.ask('POST /v1/recover')
    for (const host of [one, two, three, one, two, three]) await host.tend()
    t.match(
      await one.ask('GET /v1/self'),
      { reason: /waits a moment/ },
      'for hosts that are forgotten',
    )
    passTime(t, GATHER_MS)
    for (const host of [one, two, three, one, two, three]) await host.tend()
    for (const host of [one, two, three])
      t.match(await host.ask('GET /v1/self'), { state: 'serving', lost: [] })
    const { addresses } = await one.ask<Page>('GET /v1/addresses')
    t.match(addresses, [{ address: kept, hostName: 'name-of-host-2' }])
    t.not(await one.endpoint(pool), kept)
  },
)

/** Sets the store back to before that host came. */
async function forget(world: HostsWorld, id: string): Promise<void> {
  const { store } = world
  const addresses = await store.list(ADDRESSES, endOf(ADDRESSES), 100)
  const keys = [hostKey(id), seenKey(id), ...addresses.map(({ key }) => key)]
  await store.commit({ require: [], write: keys.map(key => ({ delete: key })) })
}
