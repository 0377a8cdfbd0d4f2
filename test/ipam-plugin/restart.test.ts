import { setTimeout as sleep } from 'node:timers/promises'
import { t as file } from 'tap'
import type { Test } from 'tap'
import { HELD, POOL, RANGE, requestEndpoint, requestPool, SUBNET } from './kill-scenarios.ts'
import { makeFolder, Plugin, TEST_MAIN } from './process.ts'

file.setTimeout(180_000)

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  await file.test(`after ${signal} within one boot, containers keep their addresses`, async t => {
    const plugin = await again(t, await holding(t), signal, 'boot-1')
    t.match(await states(plugin), { [HELD]: 'used', '192.0.2.5': 'used' })
    const { body } = await requestEndpoint(plugin, '')
    t.equal(body['Address'], '192.0.2.6/29', 'nobody else is given them')
    await release(plugin, HELD)
    t.match(await states(plugin), { [HELD]: 'idle' }, 'and they can be released')
  })

  await file.test(`after ${signal} and a reboot, no container runs: addresses rest`, async t => {
    const plugin = await again(t, await holding(t), signal, 'boot-2')
    t.match(await states(plugin), { [HELD]: 'idle', '192.0.2.5': 'idle' })
    const { body } = await requestEndpoint(plugin, '')
    t.equal(body['Address'], '192.0.2.6/29', 'the one that nobody had comes first')
    t.equal((await requestEndpoint(plugin, HELD)).status, 200, 'restart=always gets its --ip')
    await release(plugin, '192.0.2.5')
    t.match(await states(plugin), { '192.0.2.5': 'idle' }, 'a late release changes nothing')
  })
}

await file.test(
  'after a reboot, networks are still there, each as often as the engine has it',
  async t => {
    const first = await holding(t)
    await requestPool(first, SUBNET, RANGE)
    const plugin = await again(t, first, 'SIGKILL', 'boot-2')
    await plugin.call('ReleasePool', { PoolID: POOL })
    t.equal((await requestEndpoint(plugin, '')).status, 200, 'one network is left')
    await release(plugin, '192.0.2.6')
    await plugin.call('ReleasePool', { PoolID: POOL })
    t.equal((await requestEndpoint(plugin, '')).status, 500, 'and now none')
  },
)

await file.test('a host keeps its identity', async t => {
  const first = await holding(t)
  const { host } = await first.logged(({ msg }) => msg === 'ready')
  const second = await again(t, first, 'SIGKILL', 'boot-2')
  t.type(host, 'string')
  t.equal((await second.logged(({ msg }) => msg === 'ready'))['host'], host)
})

await file.test(
  'SIGTERM: requests under way are answered, new ones are not taken, and it exits with 0',
  async t => {
    const plugin = await start(t, await makeFolder(), { BOOT: 'boot-1', COMMIT_MS: '1000' })
    const pool = requestPool(plugin, SUBNET, RANGE)
    await plugin.logged(({ msg }) => msg === 'ready')
    await underWay()
    const started = performance.now()
    const exited = plugin.end('SIGTERM')
    await underWay()
    await t.rejects(plugin.call('GetCapabilities'), 'nobody is connected any more')
    t.equal((await pool).status, 200, 'what was under way is answered')
    t.equal(await exited, 0, 'it exits with 0')
    t.ok(performance.now() - started < 10_000, 'before the engine kills it')
    const next = await start(t, plugin.folder, { BOOT: 'boot-1' })
    t.equal((await requestEndpoint(next, '')).status, 200, 'and what was answered is there')
  },
)

await file.test('SIGTERM with an idle connection of the engine: it exits at once', async t => {
  const plugin = await start(t, await makeFolder(), { BOOT: 'boot-1' })
  await plugin.call('GetCapabilities')
  const started = performance.now()
  t.equal(await plugin.end('SIGTERM'), 0)
  t.ok(performance.now() - started < 3000, 'a connection that is only kept does not hold it up')
})

await file.test('SIGTERM while the state cannot be opened: it exits with 0', async t => {
  const first = await holding(t)
  const settings = { DATA_DIR: `${first.folder}/data` }
  const second = await Plugin.start(await makeFolder(), { settings })
  t.teardown(() => second.remove())
  await second.logged(({ msg }) => String(msg).startsWith('not ready'))
  t.equal(await second.end('SIGTERM'), 0)
})

async function start(t: Test, folder: string, settings: Readonly<Record<string, string>>) {
  const plugin = await Plugin.start(folder, { main: TEST_MAIN, settings })
  t.teardown(() => plugin.remove())
  return plugin
}

/** A plugin in its first boot, with two endpoints. */
async function holding(t: Test): Promise<Plugin> {
  const plugin = await start(t, await makeFolder(), { BOOT: 'boot-1' })
  await requestPool(plugin, SUBNET, RANGE)
  await requestEndpoint(plugin, HELD)
  t.equal((await requestEndpoint(plugin, '')).body['Address'], '192.0.2.5/29')
  return plugin
}

async function again(t: Test, plugin: Plugin, signal: 'SIGTERM' | 'SIGKILL', BOOT: string) {
  await plugin.end(signal)
  return await start(t, plugin.folder, { BOOT })
}

async function release(plugin: Plugin, Address: string): Promise<void> {
  const { status } = await plugin.call('ReleaseAddress', { PoolID: POOL, Address })
  if (status !== 200) throw new Error(`The release of ${Address} was refused`)
}

async function states(plugin: Plugin): Promise<Record<string, string>> {
  const { body } = await plugin.view('/v1/addresses')
  const rows = body['addresses'] as { address: string; state: string }[]
  return Object.fromEntries(rows.map(({ address, state }) => [address, state]))
}

/** Long enough for a request to arrive, much shorter than a slow commit. */
async function underWay(): Promise<void> {
  await sleep(200)
}
