import {
  addressesOf,
  createNetwork,
  refusal,
  removeContainers,
  removeAll,
  removeNetwork,
  runContainer,
} from './lab/actions.ts'
import { berthAddresses, berthPools } from './lab/berth.ts'
import type { Engine } from './lab/engine.ts'
import { Plugin } from './lab/plugin.ts'
import { NEWEST } from './lab/releases.ts'
import { assertSameView } from './lab/same-view.ts'
import { onOldestAndNewest, oneEngine, type Test } from './lab/world.ts'

type Case = {
  readonly name: string
  readonly flags: string
  /** What the first container gets; none where no address is left for it. */
  readonly first: readonly string[]
  readonly newestOnly?: boolean
}

const V4 = '--subnet 10.77.0.0/24 --gateway 10.77.0.1'
const DUAL = `--ipv6 ${V4}`
/** So that each part finds the same addresses free, whichever ran before it. */
const AT_ONCE = '--ipam-opt berth.cooldown=0s'

const cases: readonly Case[] = [
  {
    name: 'every flag',
    flags: `--subnet 10.77.0.0/24 --gateway 10.77.0.1 --ip-range 10.77.0.64/27 --aux-address nas=10.77.0.5 --aux-address printer=10.77.0.83 --ipam-opt berth.segment=blue --ipam-opt berth.exclude=10.77.0.64/28,10.77.0.80-10.77.0.81,10.77.0.82`,
    first: ['10.77.0.84'],
  },
  { name: 'no gateway', flags: `--subnet 10.77.0.0/24`, first: ['10.77.0.2'] },
  {
    name: 'a gateway outside the range',
    flags: `--subnet 10.77.0.0/24 --gateway 10.77.0.254 --ip-range 10.77.0.8/29`,
    first: ['10.77.0.8'],
  },
  {
    name: '/30',
    flags: `--subnet 10.77.0.0/30 --gateway 10.77.0.1`,
    first: ['10.77.0.2'],
  },
  {
    name: '/31',
    flags: `--subnet 10.77.0.0/31 --gateway 10.77.0.0`,
    first: ['10.77.0.1'],
  },
  { name: '/32', flags: `--subnet 10.77.0.7/32 --gateway 10.77.0.7`, first: [] },
  {
    name: '/32 without a gateway',
    flags: `--internal --subnet 10.77.0.7/32`,
    first: ['10.77.0.7'],
    newestOnly: true,
  },
  {
    name: 'internal',
    flags: `--internal --subnet 10.77.0.0/24 --gateway 10.77.0.1`,
    first: ['10.77.0.2'],
  },
  {
    name: 'two subnets',
    flags: `--subnet 10.77.0.0/24 --gateway 10.77.0.1 --subnet 10.77.1.0/24 --gateway 10.77.1.1`,
    first: [],
  },
  {
    name: 'dual stack',
    flags: `${DUAL} --subnet fd77::/64 --gateway fd77::1 --ip-range fd77::1000/116 --aux-address nas=10.77.0.2 --aux-address nas6=fd77::1001`,
    first: ['10.77.0.3', 'fd77::1000'],
  },
  {
    name: 'dual stack without gateways',
    flags: `--ipv6 --subnet 10.77.0.0/24 --subnet fd77::/64`,
    first: ['10.77.0.2', 'fd77::2'],
  },
  {
    name: '/127',
    flags: `${DUAL} --subnet fd77::/127 --gateway fd77::`,
    first: ['10.77.0.2', 'fd77::1'],
  },
  {
    name: 'IPv6 alone',
    flags: `--ipv4=false --ipv6 --subnet fd77::/64 --gateway fd77::1`,
    first: ['fd77::2'],
    newestOnly: true,
  },
]

type Refused = {
  readonly name: string
  readonly flags: string
  readonly answer: RegExp
}

const refused: readonly Refused[] = [
  { name: 'no subnet and no DEFAULT_POOLS', flags: '', answer: /--subnet/ },
  {
    name: 'an unknown option of Berth',
    flags: `--subnet 10.77.0.0/24 --ipam-opt berth.colour=blue`,
    answer: /berth\.colour/,
  },
  {
    name: 'a malformed option of Berth',
    flags: `--subnet 10.77.0.0/24 --ipam-opt berth.exclude=10.78.0.1`,
    answer: /10\.78\.0\.1/,
  },
  {
    name: 'a parent that is not there',
    flags: `--subnet 10.77.0.0/24 -o parent=nosuch0`,
    answer: /nosuch0/,
  },
  {
    name: 'a parent that is not there, dual stack',
    flags: `${DUAL} --subnet fd77::/64 -o parent=nosuch0`,
    answer: /nosuch0/,
  },
]

await onOldestAndNewest(async (t, suite) => {
  const engine = await oneEngine(t, suite)
  const plugin = await Plugin.install(engine)

  for (const each of cases.filter(each => suite === NEWEST || !each.newestOnly)) {
    await t.test(`a network with ${each.name} comes and goes`, t => comesAndGoes(t, engine, each))
  }
  for (const each of refused) {
    await t.test(`a network with ${each.name} is refused and leaves nothing`, async t => {
      t.teardown(() => removeAll(engine))
      t.match(await refusal(createNetwork(engine, 'lan', each.flags)), each.answer)
      await assertNothingLeft(t, engine)
    })
  }
  await t.test('an overlap is refused with the name of the other subnet', t => overlap(t, engine))
  if (suite === NEWEST) {
    await t.test('two networks share a pool until the last one goes', t => onePool(t, engine))
    await t.test('one subnet on two segments is two pools', t => twoSegments(t, engine))
  }
  await t.test('a network without a subnet gets one of DEFAULT_POOLS', async t => {
    await plugin.disable()
    await plugin.set({ DEFAULT_POOLS: '10.200.0.0/16,24' })
    await plugin.enable()
    await comesAndGoes(t, engine, { name: 'no subnet', flags: '', first: ['10.200.0.2'] })
  })
})

async function comesAndGoes(t: Test, engine: Engine, wanted: Case): Promise<void> {
  t.teardown(() => removeAll(engine))
  await createNetwork(engine, 'lan', `${wanted.flags} ${AT_ONCE}`)
  await assertSameView(t, engine, 'network create')
  if (wanted.first.length > 0) {
    await runContainer(engine, 'lan', 'one')
    t.strictSame(await addressesOf(engine, 'one', 'lan'), wanted.first, 'the container has it')
    await assertSameView(t, engine, 'run')
    await removeContainers(engine, ['one'])
  }
  await removeNetwork(engine, 'lan')
  await assertNothingLeft(t, engine)
}

async function overlap(t: Test, engine: Engine): Promise<void> {
  t.teardown(() => removeAll(engine))
  await createNetwork(engine, 'lan', V4)
  const wider = createNetwork(engine, 'wide', '--subnet 10.77.0.0/16')
  t.match(await refusal(wider), /10\.77\.0\.0\/24/)
  await assertSameView(t, engine, 'a refused network create')
  await removeNetwork(engine, 'lan')
  await assertNothingLeft(t, engine)
}

async function onePool(t: Test, engine: Engine): Promise<void> {
  t.teardown(() => removeAll(engine))
  await createNetwork(engine, 'first', `${V4} --aux-address nas=10.77.0.9`)
  await createNetwork(engine, 'second', V4)
  await runContainer(engine, 'first', 'one')
  await runContainer(engine, 'second', 'two')
  await assertSameView(t, engine, 'two networks of one pool')
  await createNetwork(engine, 'third', `${V4} --ip-range 10.77.0.128/25`)
  await runContainer(engine, 'third', 'three')
  await assertSameView(t, engine, 'a third one with a range')
  t.strictSame(await addressesOf(engine, 'three', 'third'), ['10.77.0.128'])
  await refusal(createNetwork(engine, 'fourth', `${V4} -o parent=nosuch0`))
  await assertSameView(t, engine, 'a network create that failed')
  await removeContainers(engine, ['one', 'three'])
  await removeNetwork(engine, 'first')
  await removeNetwork(engine, 'third')
  // A pool's auxiliary addresses are its own, whoever named them: they go with its last network.
  const kept = ['default 10.77.0.9']
  await assertSameView(t, engine, 'the first and the third are gone', { kept })
  await removeContainers(engine, ['two'])
  await removeNetwork(engine, 'second')
  await assertNothingLeft(t, engine)
}

async function twoSegments(t: Test, engine: Engine): Promise<void> {
  t.teardown(() => removeAll(engine))
  for (const segment of ['blue', 'green']) {
    await createNetwork(engine, segment, `${V4} --ipam-opt berth.segment=${segment}`)
    await runContainer(engine, segment, `in-${segment}`, '--ip 10.77.0.7')
  }
  await assertSameView(t, engine, 'the same address on two segments')
  await removeContainers(engine, ['in-blue', 'in-green'])
  await removeNetwork(engine, 'blue')
  await removeNetwork(engine, 'green')
  await assertNothingLeft(t, engine)
}

async function assertNothingLeft(t: Test, engine: Engine): Promise<void> {
  await assertSameView(t, engine, 'all is removed')
  const kept = (await berthAddresses(engine)).filter(each => each.state !== 'idle')
  t.strictSame(kept, [], 'no address is used or shared')
  t.strictSame(await berthPools(engine), [], 'no pool is left')
}
