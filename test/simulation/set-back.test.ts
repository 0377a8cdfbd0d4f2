import { readRecovery } from '../../ipam-plugin/records.ts'
import { RECOVERY } from '../../ipam-plugin/keys.ts'
import {
  codeOf,
  fill,
  fleet,
  NETWORK,
  POOL,
  recovered,
  scenario,
  setBackBehind,
  snapshotBehindBeat,
  started,
  stateOf,
} from './scenario.ts'
import type { World } from './world.ts'

/** etcd is set back to an older state, in which addresses that are in use look free. */

const gateOf = ({ store }: World) => readRecovery(store.get(RECOVERY))

await scenario('a live host that the older state does not know is waited for', 2, async world => {
  const [known, unknown] = [world.engine(0), world.engine(1)]
  await started(world, known)
  await known.createNetwork(NETWORK)
  await setBackBehind(world, async () => {
    await started(world, unknown)
    await unknown.createNetwork(NETWORK)
    await fill(unknown, 6)
  })
  await recovered(world, known)
  await fill(known, 13)
})

await scenario(
  'a live host that is evicted in the older state, and was back since, is waited for',
  2,
  async world => {
    const [other, evicted] = [world.engine(0), world.engine(1)]
    await fleet(world)
    await world.sleep(5000)
    evicted.host.cutPower()
    evicted.reboot()
    await world.evict(other, evicted)
    evicted.isForfeiting = false
    await setBackBehind(world, async () => {
      await started(world, evicted)
      await fill(evicted, 6)
    })
    evicted.host.cut(true)
    await world.sleep(5000)
    await world.recover(other)
    await world.sleep(20_000)
    await fill(other, 13)
    evicted.host.cut(false)
  },
)

await scenario(
  'a host that was down since before is stopped by what another one found',
  2,
  async (world, t) => {
    const [aware, unaware] = [world.engine(0), world.engine(1)]
    await fleet(world)
    await world.sleep(5000)
    unaware.host.kill()
    await setBackBehind(world, async () => await fill(aware, 6))
    await world.until(() => gateOf(world)?.state === 'needed')
    unaware.host.start()
    await world.sleep(3000)
    t.strictSame((await fill(unaware, 2)).map(codeOf), ['not-ready', 'not-ready'])
    await recovered(world, aware)
    await fill(unaware, 13)
  },
)

await scenario('a new host is stopped by what another one found', 2, async (world, t) => {
  const [aware, fresh] = [world.engine(0), world.engine(1)]
  await started(world, aware)
  await aware.createNetwork(NETWORK)
  await setBackBehind(world, async () => await fill(aware, 6), 'another history')
  await world.until(() => gateOf(world)?.state === 'needed')
  fresh.host.start()
  await world.sleep(3000)
  t.equal(await fresh.createNetwork(NETWORK), undefined)
  await recovered(world, aware)
  await fresh.createNetwork(NETWORK)
  await fill(fresh, 13)
})

await scenario('the same backup may be restored twice', 2, async (world, t) => {
  const [first, second] = [world.engine(0), world.engine(1)]
  await fleet(world)
  await recovered(world, first)
  await world.sleep(20_000)
  const snapshot = world.store.snapshot(world.time.now)
  for (const by of [first, second]) {
    await world.sleep(5000)
    await fill(first, 3)
    await world.sleep(5000)
    world.setBack(snapshot, world.store.history)
    await world.sleep(8000)
    t.strictSame((await fill(second, 1)).map(codeOf), ['not-ready'])
    await recovered(world, by)
  }
  await fill(second, 13)
})

await scenario('a state in the middle of a recovery may be restored too', 3, async world => {
  const [one, two, late] = [world.engine(0), world.engine(1), world.engine(2)]
  await fleet(world)
  late.host.kill()
  await world.recover(one)
  await world.sleep(15_000)
  await setBackBehind(world, async () => {
    await started(world, late)
    await fill(one, 4)
    await fill(two, 3)
  })
  await world.sleep(8000)
  await recovered(world, two)
  await fill(late, 13)
})

await scenario(
  'no gateway or auxiliary address is taken before the recovery',
  2,
  async (world, t) => {
    const [one, other] = [world.engine(0), world.engine(1)]
    const range = '10.0.0.0/29'
    await started(world, one, other)
    await one.createNetwork({ subnet: '10.0.0.0/28', range, gateway: '10.0.0.14' })
    await setBackBehind(world, async () => {
      await one.run(`default~10.0.0.0/28~${range}`, '10.0.0.1')
    })
    const order = { subnet: '10.0.0.0/28', gateway: '10.0.0.14', aux: ['10.0.0.1'] }
    t.equal(await other.createNetwork(order), undefined)
    await recovered(world, one)
  },
)

await scenario(
  'who evicts a host that a recovery waits for takes nothing from those that live',
  2,
  async world => {
    const [living, dead] = [world.engine(0), world.engine(1)]
    await fleet(world, { ...NETWORK, options: { 'berth.cooldown': '1s' } })
    await fill(dead, 6)
    const moved = [...dead.held.values()]
    await setBackBehind(world, async () => {
      for (const held of moved) await dead.stop(held)
      await world.sleep(2000)
      for (const { address } of moved) await living.run(POOL, address)
    })
    dead.host.cutPower()
    dead.reboot()
    await world.sleep(4000)
    await world.recover(living)
    await world.sleep(4000)
    let isFirst = true
    living.host.client.decide = ({ write }) => {
      const isRelease = write.length > 1 && write.every(one => 'put' in one && isAddress(one.put))
      if (!isRelease || !isFirst) return undefined
      isFirst = false
      return world.time.sleep(3000, 'done' as const)
    }
    await world.evict(living, dead)
    await world.sleep(10_000)
  },
)

const isAddress = (key: string) => key.startsWith('v1/addresses/')

await scenario('an idle host notices that the store has another history', 2, async (world, t) => {
  await fleet(world)
  await setBackBehind(world, async () => {}, 'another history')
  await world.sleep(10_000)
  t.strictSame(world.engines.map(stateOf), ['suspended', 'suspended'])
  await recovered(world, world.engine(0))
})

await scenario('hosts that find out at once call for one recovery', 5, async (world, t) => {
  await fleet(world)
  await setBackBehind(world, async () => await fill(world.engine(2), 3))
  await world.sleep(10_000)
  const called = gateOf(world)
  t.match(called, { state: 'needed', number: 1 })
  await Promise.all(world.engines.map(async engine => await world.recover(engine)))
  t.match(gateOf(world), { state: 'open', number: 1, id: called?.id })
  await world.until(() => gateOf(world)?.state === 'closed')
})

await scenario('a recovery that nothing called for changes nothing', 3, async (world, t) => {
  await fleet(world)
  for (const engine of world.engines) await fill(engine, 3)
  const began = world.time.now
  await world.recover(world.engine(1))
  await world.until(() => gateOf(world)?.state === 'closed')
  await world.allServe()
  t.ok(world.time.now - began < 30_000)
  t.strictSame(
    world.engines.map(({ held }) => held.size),
    [3, 3, 3],
  )
})

await scenario(
  'a host whose journal was lost is waited for until it is adopted',
  2,
  async (world, t) => {
    const [broken, other] = [world.engine(0), world.engine(1)]
    await fleet(world)
    await fill(broken, 5)
    broken.host.kill()
    broken.loseState()
    broken.host.start()
    await world.sleep(4000)
    await world.recover(other)
    await world.sleep(20_000)
    t.strictSame((await fill(other, 1)).map(codeOf), ['not-ready'])
    await broken.host.adopt()
    await world.allServe()
    await fill(other, 13)
  },
)

await scenario('a host of another fleet does not stop those of this store', 3, async (world, t) => {
  const [one, two, stray] = [world.engine(0), world.engine(1), world.engine(2)]
  await started(world, stray)
  await stray.createNetwork(NETWORK)
  await fill(stray, 3)
  await world.sleep(5000)
  const theirs = world.store.snapshot(world.time.now)
  const { history } = world.store
  stray.host.kill()
  world.store.setBack({ at: 0, revision: 0, rows: new Map() }, 'another fleet')
  await started(world, one, two)
  stray.host.start()
  await world.sleep(20_000)
  t.strictSame(world.engines.map(stateOf), ['serving', 'serving', 'suspended'])
  t.equal(gateOf(world), undefined)
  for (const { host } of world.engines) host.kill()
  for (const { host } of [one, two]) host.disk.lose()
  world.store.setBack(theirs, history)
})

await scenario('the request that finds out tells all hosts at once', 2, async (world, t) => {
  const [one, other] = [world.engine(0), world.engine(1)]
  await fleet(world)
  const snapshot = await snapshotBehindBeat(world, one)
  world.setBack(snapshot, world.store.history)
  t.strictSame((await fill(one, 1)).map(codeOf), ['not-ready'])
  t.strictSame((await fill(other, 1)).map(codeOf), ['not-ready'])
  await recovered(world, one)
})

await scenario(
  'a recovery that begins while the store is set back hides nothing',
  2,
  async (world, t) => {
    const [one, other] = [world.engine(0), world.engine(1)]
    await fleet(world)
    const snapshot = await snapshotBehindBeat(world, one)
    one.host.client.decide = ({ write }) => {
      const isFencing = write.some(put => 'value' in put && put.value.includes('"fenced"'))
      return isFencing ? world.time.sleep(300, 'done' as const) : undefined
    }
    const recovering = world.recover(one)
    await world.sleep(50)
    world.setBack(snapshot, world.store.history)
    t.equal(codeOf(await recovering), 'not-ready')
    await world.sleep(10_000)
    await fill(other, 13)
    one.host.client.decide = () => undefined
    await recovered(world, one)
  },
)
