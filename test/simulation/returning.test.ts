import type { Transaction } from '../../shared/store.ts'
import type { Fate } from './memory-store.ts'
import {
  codeOf,
  fill,
  fleet,
  NETWORK,
  POOL,
  runOne,
  scenario,
  started,
  stateOf,
} from './scenario.ts'
import type { World } from './world.ts'
import { told } from './world.ts'

/** A host is evicted although it lives, returns, and its engine goes on meanwhile. */

const SECOND = { subnet: '10.0.1.0/28', gateway: '10.0.1.1' }

const touches = ({ write }: Transaction, prefix: string): boolean =>
  write.some(one => 'put' in one && one.put.startsWith(prefix))

/** Each change of a pool takes a while. */
const slowPools = (world: World) => (transaction: Transaction) =>
  touches(transaction, 'v1/pools') ? world.time.sleep<Fate>(100, 'done') : undefined

for (const asked of ['removed', 'created'] as const) {
  await scenario(`a network that is ${asked} while its host returns is counted`, 2, async world => {
    const engine = world.engine(0)
    await started(world, ...world.engines)
    await engine.createNetwork(NETWORK)
    const second = await engine.createNetwork(SECOND)
    await world.evict(world.engine(1), engine)
    engine.host.client.decide = slowPools(world)
    await world.until(() => stateOf(engine) === 'returning')
    await world.sleep(30)
    if (asked === 'created') await engine.createNetwork(SECOND)
    else if (second) await engine.removeNetwork(second)
  })
}

await scenario(
  'a network that brings something new waits for the return, and not the return for it',
  2,
  async (world, t) => {
    const engine = world.engine(0)
    await fleet(world)
    await world.sleep(3000)
    await world.evict(world.engine(1), engine)
    await engine.run(POOL)
    const began = world.time.now
    const options = { 'berth.exclude': '10.0.0.9' }
    t.ok(await engine.createNetwork({ ...NETWORK, options }))
    t.ok(world.time.now - began < 5000)
  },
)

await scenario('hosts that return all at once lose none of their pools', 6, async (world, t) => {
  await fleet(world)
  await world.sleep(4000)
  world.setFaults({ lost: 0, late: 0, never: 0, refused: 0, slow: 0.6 })
  await world.recover(world.engine(0))
  await world.sleep(20_000)
  world.setFaults({ lost: 0, late: 0, never: 0, refused: 0, slow: 0 })
  await world.sleep(20_000)
  for (const { host } of world.engines)
    t.strictSame(
      [...host.disk.poolEntries.values()].map(({ state }) => state),
      ['joined'],
    )
})

await scenario(
  'a release after a re-claim of unknown outcome is delivered behind it',
  2,
  async (world, t) => {
    const engine = world.engine(0)
    await fleet(world)
    const held = await runOne(engine)
    await world.evict(world.engine(1), engine)
    let late: Transaction | undefined
    engine.host.client.decide = transaction => {
      if (!touches(transaction, held.key)) return undefined
      late ??= transaction
      return world.time.sleep<Fate>(2, 'never')
    }
    await world.until(() => stateOf(engine) === 'store-away')
    t.equal((await engine.stop(held)).is, 'answered')
    t.ok(late && world.store.commit(late).committed, 'the re-claim arrives after all')
    engine.host.client.decide = () => undefined
  },
)

await scenario(
  'a release that comes while a re-claim begins waits for its end',
  1,
  async (world, t) => {
    const engine = world.engine(0)
    await fleet(world)
    const held = await runOne(engine)
    engine.held.delete(held.key)
    const outcome = await engine.host.within(async ({ claims, pools }) => {
      const [here] = pools.all()
      if (!here) throw new Error('There is no pool')
      const value = 0x0a000000n + BigInt(held.address.split('.')[3] ?? '')
      const released = claims.release(here, { family: 4, value })
      await claims.whileHeld(held.key, async () => await world.sleep(5))
      return { result: await released }
    })
    t.equal(told(outcome), '{"result":"released"}')
  },
)

for (const restarted of [false, true]) {
  const name = restarted ? 'a host that starts with another store' : 'another store for a while'
  await scenario(`${name} forgets no release and no pool`, 1, async (world, t) => {
    const engine = world.engine(0)
    const again = () => {
      if (!restarted) return
      engine.host.kill()
      engine.host.start()
    }
    await started(world, engine)
    const network = await engine.createNetwork(NETWORK)
    const held = await runOne(engine)
    await world.sleep(4000)
    const right = world.store.snapshot(world.time.now)
    const { history } = world.store
    world.store.setBack({ at: 0, revision: 0, rows: new Map() }, 'another')
    again()
    await world.sleep(8000)
    t.not(stateOf(engine), 'serving')
    await engine.stop(held)
    if (network) await engine.removeNetwork(network)
    world.store.setBack(right, history)
    again()
    await world.sleep(10_000)
    t.strictSame(
      world.store
        .list('v1/addresses/', 'v1/b', 9)
        .map(({ value }) => value)
        .filter(value => !value.includes('idle')),
      [],
    )
    t.strictSame([...engine.host.disk.poolEntries], [])
  })
}

await scenario(
  'an adoption that was cut short is done when it is tried again',
  2,
  async (world, t) => {
    const [broken, other] = [world.engine(0), world.engine(1)]
    await fleet(world)
    await fill(broken, 4)
    broken.host.kill()
    broken.loseState()
    broken.host.start()
    await world.sleep(4000)
    for (let ms = 1; ms < 12; ms += 2) {
      const cutting = world.sleep(ms).then(() => broken.host.cut(true))
      await broken.host.adopt()
      await cutting
      broken.host.cut(false)
      await world.sleep(3000)
    }
    t.equal((await broken.host.adopt()).is, 'answered')
    await world.recover(other)
    await world.sleep(20_000)
  },
)

await scenario(
  'a host that is adopted although it serves returns all the same',
  2,
  async (world, t) => {
    const [adopted, other] = [world.engine(0), world.engine(1)]
    await fleet(world)
    await fill(adopted, 3)
    await world.evict(other, adopted)
    await adopted.host.adopt()
    await fill(adopted, 1)
    await world.sleep(10_000)
    t.equal(adopted.host.disk.notes?.generation, 2)
    await world.recover(other)
    await adopted.host.adopt()
    t.strictSame((await fill(adopted, 1)).map(codeOf), ['not-ready'])
    await world.sleep(30_000)
  },
)

await scenario(
  'claims under way at once outlive a sign of life of their host',
  1,
  async (world, t) => {
    const engine = world.engine(0)
    await started(world, engine)
    await engine.createNetwork({ subnet: '10.0.0.0/16', gateway: '10.0.0.1' })
    world.store.legMs = 20
    const failed: string[] = []
    for (let i = 0; i < 120; i++) {
      const runs = Array.from({ length: 64 }, () => engine.run('default~10.0.0.0/16~-'))
      const outcomes = await Promise.all(runs)
      failed.push(...outcomes.filter(({ is }) => is !== 'answered').map(told))
    }
    t.strictSame(failed, [])
    world.store.legMs = 0
  },
)

await scenario(
  'a host of which nothing is asked notices that it was evicted long before its next sign of life',
  2,
  async (world, t) => {
    const evicted = world.engine(0)
    await fleet(world)
    await world.sleep(10_000)
    await world.evict(world.engine(1), evicted)
    const isBack = () =>
      stateOf(evicted) === 'serving' && evicted.host.ipam?.registration.generation === 2
    t.ok(await world.until(isBack, 10_000))
  },
  300_000,
)
