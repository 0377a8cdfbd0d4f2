import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { t as file } from 'tap'
import type { Test } from 'tap'
import { parseAddress } from '../../ipam-plugin/addresses.ts'
import { addressKey } from '../../ipam-plugin/keys.ts'
import { LevelDatabase } from '../../shared/level-database.ts'
import {
  HELD,
  POOL,
  RANGE,
  requestEndpoint,
  requestPool,
  SCENARIOS,
  SUBNET,
} from './kill-scenarios.ts'
import type { Found, Scenario } from './kill-scenarios.ts'
import { copyFolder, makeFolder, Plugin, TEST_MAIN } from './process.ts'

file.setTimeout(900_000)

/** Around which call of the store, journal or notes the process is killed, counted from its start. */
type Step = { readonly call: number; readonly when: 'before' | 'after'; readonly text: string }

const AT_ONCE = 3
const SOON_MS = 10_000
const NOTHING: Found = { addresses: {}, pools: {} }
/** Starts that write in the order of the protocol, each with what is found in the end. */
const STARTS = [
  { what: 'the first start of all', prepared: fresh, BOOT: 'boot-1', found: NOTHING },
  {
    what: 'the start after a reboot',
    prepared: rebooted,
    BOOT: 'boot-2',
    found: { addresses: { [HELD]: 'idle', '192.0.2.5': 'idle' }, pools: { [POOL]: 1 } },
  },
]
let total = 0

for (const scenario of SCENARIOS) {
  await file.test(`killed at any step of ${scenario.name}, the plugin loses nothing`, async t => {
    const folder = await prepare(scenario)
    t.teardown(() => rm(folder, { recursive: true, force: true }))
    const { start, calls } = await callsOf(folder, scenario)
    const steps = stepsOf(calls, start)
    const turn = calls.findIndex(call => scenario.pointOfNoReturn.test(call)) + start + 1
    const takesEffect = ({ call, when }: Step) => call > turn || (call === turn && when === 'after')

    await inParallel(steps, step => cutOff(t, folder, scenario, step, takesEffect(step)))
    await t.test('after the answer', later => cutOffAfterwards(later, folder, scenario))

    const unheard = steps.filter(takesEffect).length
    if (scenario.claims) t.equal(unheard, 1, 'an address is kept unheard at a single step')
    total += steps.length
    t.comment(`${scenario.name}: ${steps.length} steps, ${unheard} of them kept without an answer`)
  })
}

await file.test(
  'killed at any step of the start that cleans up a claim, the plugin loses nothing',
  async t => {
    const folder = await crashed()
    t.teardown(() => rm(folder, { recursive: true, force: true }))
    const calls = await callsOfStart(folder)
    const steps = stepsOf(calls, 0)
    await inParallel(steps, async step => {
      const copy = await copyFolder(folder)
      const killed = Plugin.launch(copy, killing(step))
      t.equal(await killed.ended(), 'SIGKILL', `killed ${step.when} ${step.text}`)
      await restarted(t, copy, { ...NOTHING, addresses: { '192.0.2.5': 'idle' } }, step.text)
    })
    total += steps.length
    t.comment(`the start: ${steps.length} steps`)
  },
)

for (const { what, prepared, BOOT, found } of STARTS) {
  await file.test(`killed at any step of ${what}, the plugin loses nothing`, async t => {
    const folder = await prepared()
    t.teardown(() => rm(folder, { recursive: true, force: true }))
    const steps = stepsOf(await callsOfStart(folder, { BOOT }), 0)
    await inParallel(steps, async step => {
      const copy = await copyFolder(folder)
      const { main, settings } = killing(step)
      const killed = Plugin.launch(copy, { main, settings: { ...settings, BOOT } })
      t.equal(await killed.ended(), 'SIGKILL', `killed ${step.when} ${step.text}`)
      await startsAfterAll(t, copy, BOOT, found, `${what}, killed ${step.when} ${step.text}`)
    })
    total += steps.length
    t.comment(`${what}: ${steps.length} steps`)
  })
}

await file.test('the steps are counted', async t => {
  t.comment(
    `killed at ${total} steps in all, before and after each call of store, journal and notes`,
  )
  t.ok(total > 100)
})

/** A folder that was killed right after the answers: a pool, an endpoint in it, and what the scenario needs. */
async function prepare({ before }: Pick<Scenario, 'before'>): Promise<string> {
  const plugin = await Plugin.start(await makeFolder())
  await requestPool(plugin, SUBNET, RANGE)
  await requestEndpoint(plugin, HELD)
  await before(plugin)
  await plugin.end('SIGKILL')
  return plugin.folder
}

/** One that was killed between the store's "used" and the journal's "held". */
async function crashed(): Promise<string> {
  const [scenario] = SCENARIOS
  if (!scenario) throw new Error('There is no scenario')
  const folder = await prepare(scenario)
  const { start, calls } = await callsOf(folder, scenario)
  const held = calls.findIndex(call => scenario.pointOfNoReturn.test(call)) + start + 1
  const settings = { KILL_AT: `${held}:before` }
  const plugin = await Plugin.start(folder, { main: TEST_MAIN, settings })
  await scenario.act(plugin).catch(() => {})
  await plugin.ended()
  return folder
}

/** One whose plugin never came as far as its state. */
async function fresh(): Promise<string> {
  const folder = await makeFolder()
  await mkdir(join(folder, 'data'))
  return folder
}

/** One with two endpoints of a boot that is over, of which the journal has lost one. */
async function rebooted(): Promise<string> {
  const settings = { BOOT: 'boot-1' }
  const plugin = await Plugin.start(await makeFolder(), { main: TEST_MAIN, settings })
  await requestPool(plugin, SUBNET, RANGE)
  for (const address of [HELD, '192.0.2.5']) await requestEndpoint(plugin, address)
  await plugin.end('SIGTERM')
  const database = await LevelDatabase.open(join(plugin.folder, 'data', 'berth', 'ipam', 'db'))
  const key = `journal/addresses/${addressKey('default', parseAddress(HELD))}`
  if (!database.get(key)) throw new Error(`The journal has no ${key}`)
  await database.write([{ type: 'del', key }], { sync: true })
  await database.close()
  return plugin.folder
}

/** The calls that the scenario makes, and how many the start makes before them. */
async function callsOf(folder: string, { act }: Scenario) {
  const plugin = await counting(await copyFolder(folder))
  await plugin.logged(({ msg }) => msg === 'ready')
  const start = (await callsSoFar(plugin)).length
  await act(plugin)
  const calls = (await callsSoFar(plugin)).slice(start)
  await plugin.remove()
  return { start, calls }
}

async function callsOfStart(folder: string, settings = {}): Promise<string[]> {
  const plugin = await counting(await copyFolder(folder), settings)
  await plugin.logged(({ msg }) => msg === 'ready')
  const calls = await callsSoFar(plugin)
  await plugin.remove()
  return calls
}

async function counting(folder: string, more = {}): Promise<Plugin> {
  const settings = { ...more, CALLS: join(folder, 'calls') }
  return await Plugin.start(folder, { main: TEST_MAIN, settings })
}

async function callsSoFar({ folder }: Plugin): Promise<string[]> {
  return (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n')
}

function stepsOf(calls: readonly string[], start: number): Step[] {
  return calls.flatMap((text, i) => [
    { call: start + i + 1, when: 'before', text },
    { call: start + i + 1, when: 'after', text },
  ])
}

function killing({ call, when }: Step) {
  return {
    main: TEST_MAIN,
    settings: { KILL_AT: `${call}:${when}` },
  }
}

async function cutOff(t: Test, folder: string, scenario: Scenario, step: Step, kept: boolean) {
  const copy = await copyFolder(folder)
  const what = `${scenario.name}, killed ${step.when} ${step.text}`
  const plugin = await Plugin.start(copy, killing(step))
  if (scenario.answersEarly && kept) await scenario.act(plugin).catch(() => {})
  else await t.rejects(scenario.act(plugin), `${what}: no answer is heard`)
  t.equal(await plugin.ended(), 'SIGKILL', what)
  await restarted(t, copy, kept ? scenario.changes : scenario.stays, what)
}

async function cutOffAfterwards(t: Test, folder: string, scenario: Scenario): Promise<void> {
  const plugin = await Plugin.start(await copyFolder(folder), { main: TEST_MAIN })
  t.equal((await scenario.act(plugin)).status, 200, 'the answer is heard')
  await plugin.end('SIGKILL')
  await restarted(t, plugin.folder, scenario.changes, scenario.name)
}

/** In the boot of the start that was cut off: there is what must be, and it serves. */
async function startsAfterAll(t: Test, folder: string, BOOT: string, wanted: Found, what: string) {
  const plugin = await Plugin.start(folder, { main: TEST_MAIN, settings: { BOOT } })
  try {
    t.strictSame(await look(plugin), wanted, what)
    if (!wanted.pools[POOL]) await requestPool(plugin, SUBNET, RANGE)
    await serves(t, plugin, await look(plugin), what)
    await empties(t, plugin, what)
  } finally {
    await plugin.remove()
  }
}

/** The real plugin, started on what is left: it has what it must have, serves, and can be emptied. */
async function restarted(t: Test, folder: string, wanted: Found, what: string): Promise<void> {
  const plugin = await Plugin.start(folder)
  try {
    const found = await look(plugin)
    const addresses: Found['addresses'] = { [HELD]: 'used', ...wanted.addresses }
    for (const [address, state] of Object.entries(addresses))
      t.equal(found.addresses[address] ?? 'idle', state, `${address} is ${state}: ${what}`)
    t.strictSame(
      inState(found, 'used'),
      inState({ addresses }, 'used'),
      `no other is used: ${what}`,
    )
    t.strictSame(found.pools, { [POOL]: 1, ...wanted.pools }, `the pools are whole: ${what}`)
    await serves(t, plugin, found, what)
    await empties(t, plugin, what)
  } finally {
    await plugin.remove()
  }
}

/** It gives what is free in the range, all of it, and nothing else. */
async function serves(t: Test, plugin: Plugin, found: Found, what: string): Promise<void> {
  if (found.pools[POOL] === 0) await requestPool(plugin, SUBNET, RANGE)
  const taken = [...inState(found, 'used'), ...inState(found, 'shared')]
  const free = ['192.0.2.4', '192.0.2.5', '192.0.2.6'].filter(one => !taken.includes(one))
  const given: string[] = []
  for (;;) {
    const { status, body } = await requestEndpoint(plugin, '')
    if (status !== 200) break
    given.push(String(body['Address']).replace('/29', ''))
  }
  t.strictSame(given.toSorted(), free, `it gives what is free: ${what}`)
}

/** Once the engine released all that it has, nothing is left behind. */
async function empties(t: Test, plugin: Plugin, what: string): Promise<void> {
  for (const { address, pool, state } of await rows(plugin))
    if (state === 'used') await plugin.call('ReleaseAddress', { PoolID: pool, Address: address })
  const { pools } = await look(plugin)
  for (const [PoolID, networks] of Object.entries(pools))
    for (let i = 0; i < networks; i++) await plugin.call('ReleasePool', { PoolID })
  const left = await lookOnceLeft(plugin)
  t.strictSame(left.pools, {}, `every pool can be left: ${what}`)
  t.strictSame(
    [...inState(left, 'used'), ...inState(left, 'shared')],
    [],
    `every address can be released: ${what}`,
  )
}

/** A release is answered after a moment, done or not; then it is done soon. */
async function lookOnceLeft(plugin: Plugin): Promise<Found> {
  for (const started = performance.now(); ;) {
    const found = await look(plugin)
    const isLeft = Object.keys(found.pools).length === 0 && inState(found, 'used').length === 0
    if (isLeft || performance.now() - started > SOON_MS) return found
    await sleep(50)
  }
}

async function look(plugin: Plugin): Promise<Found> {
  const { body } = await plugin.view('/v1/pools')
  const pools = body['pools'] as { here: { id: string; networks: number }[] }[]
  return {
    addresses: Object.fromEntries((await rows(plugin)).map(row => [row.address, row.state])),
    pools: Object.fromEntries(pools.flatMap(({ here }) => here.map(one => [one.id, one.networks]))),
  }
}

async function rows(plugin: Plugin) {
  const { body } = await plugin.view('/v1/addresses')
  return body['addresses'] as { address: string; state: string; pool?: string }[]
}

function inState({ addresses }: Pick<Found, 'addresses'>, state: string): string[] {
  const found = Object.keys(addresses).filter(address => addresses[address] === state)
  return found.toSorted()
}

async function inParallel<T>(items: readonly T[], job: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await job(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}
