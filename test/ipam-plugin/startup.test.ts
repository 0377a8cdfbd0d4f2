import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { LevelDatabase } from '../../shared/level-database.ts'
import { Plugin, makeFolder } from './process.ts'

const POOL = { AddressSpace: 'berth', Pool: '192.0.2.0/29', SubPool: '', Options: null, V6: false }

await t.test('with bad settings it does not start, and tells all faults at once', async t => {
  const folder = await makeFolder()
  const settings = {
    LOG_LEVEL: 'loud',
    DEFAULT_POOLS: 'x',
    ETCD_ENDPOINTS: '192.0.2.1',
  }
  const plugin = Plugin.launch(folder, { settings })
  t.teardown(() => plugin.remove())
  t.equal(await plugin.ended(), 1)
  for (const fault of [
    /LOG_LEVEL="loud": Must be one of/,
    /DEFAULT_POOLS="x"/,
    /ETCD_ENDPOINTS: "192\.0\.2\.1" is not an endpoint/,
  ]) {
    t.match(plugin.errors, fault)
  }
})

await t.test('with its state locked it serves refusals that say so, and then recovers', async t => {
  const folder = await makeFolder()
  const holder = await LevelDatabase.open(join(folder, 'data', 'berth', 'ipam', 'db'))
  t.teardown(() => holder.close())
  const plugin = await start(t, folder)
  t.match(await plugin.call('GetCapabilities'), { body: { RequiresMACAddress: true } })
  const started = performance.now()
  const refused = await plugin.call('RequestPool', POOL)
  const took = performance.now() - started
  t.match(refused, {
    status: 500,
    body: { Err: /cannot answer yet: .* another process has it open/ },
  })
  t.ok(took < 3000, `refused after ${took} ms`)
  await holder.close()
  t.match(await plugin.call('RequestPool', POOL), { status: 200 })
  t.equal(await plugin.end('SIGTERM'), 0)
})

await t.test('with a corrupt state it refuses, and leaves the state to be looked at', async t => {
  const folder = await makeFolder()
  const db = join(folder, 'data', 'berth', 'ipam', 'db')
  mkdirSync(db, { recursive: true })
  writeFileSync(join(db, 'CURRENT'), 'garbage')
  const plugin = await start(t, folder)
  t.match(await plugin.call('RequestPool', POOL), {
    status: 500,
    body: { Err: /it is corrupt .* restore the folder/ },
  })
  t.ok(plugin.running)
})

await t.test('with a spoilt identity it refuses rather than become another host', async t => {
  const folder = await makeFolder()
  mkdirSync(join(folder, 'data', 'berth'), { recursive: true })
  writeFileSync(join(folder, 'data', 'berth', 'host.json'), '{')
  const plugin = await start(t, folder)
  t.match(await plugin.call('RequestPool', POOL), {
    status: 500,
    body: { Err: /identity .*host\.json/ },
  })
  writeFileSync(join(folder, 'data', 'berth', 'host.json'), '{"id":"0f3c"}')
  t.match(await plugin.call('RequestPool', POOL), { status: 200 })
})

await t.test('where another instance listens, it does not start', async t => {
  const folder = await makeFolder()
  await start(t, folder)
  const second = Plugin.launch(folder, {})
  t.teardown(() => second.end('SIGKILL'))
  t.not(await second.ended(), 0)
  t.match(second.errors, /Cannot listen at .*ipam\.sock: another process serves it/)
})

async function start(t: Test, folder: string): Promise<Plugin> {
  const plugin = await Plugin.start(folder)
  t.teardown(() => plugin.remove())
  return plugin
}
