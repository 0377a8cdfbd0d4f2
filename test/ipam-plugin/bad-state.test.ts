import { chmod, cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { t as file } from 'tap'
import type { Test } from 'tap'
import { LevelDatabase } from '../../shared/level-database.ts'
import { HELD, POOL, RANGE, requestEndpoint, requestPool, SUBNET } from './kill-scenarios.ts'
import { makeFolder, Plugin } from './process.ts'

file.setTimeout(120_000)
// What is refused is refused after two seconds: those waits may overlap.
file.jobs = 4

/** Without this, nothing is closed to root. */
const WITHOUT_PRIVILEGES = ['/usr/bin/setpriv', '--bounding-set=-all', '--inh-caps=-all']
const UNREADABLE = '1 {"state":'

void file.test(
  'a DATA_DIR that another process has open is named, and taken once that one ends',
  async t => {
    const first = await withAddress(t)
    const second = await Plugin.start(await makeFolder(), {
      settings: { DATA_DIR: join(first.folder, 'data') },
    })
    t.teardown(() => second.remove())
    await refuses(t, second, /db: another process has it open; stop that one, or .* DATA_DIR/)
    t.equal((await requestEndpoint(first, '')).status, 200, 'the first goes on serving')
    await first.end('SIGTERM')
    await servesOnceOpen(t, second)
  },
)

void file.test('a DATA_DIR that is not writable is named, and taken once it is', async t => {
  const folder = await makeFolder()
  const data = join(folder, 'data')
  await mkdir(data, { mode: 0o500 })
  const through = process.getuid?.() === 0 ? WITHOUT_PRIVILEGES : []
  const plugin = await Plugin.start(folder, { through })
  t.teardown(() => plugin.remove())
  await refuses(t, plugin, /data.* is not writable .*; make the folder writable, or .* DATA_DIR/)
  await chmod(data, 0o700)
  await servesOnceOpen(t, plugin)
})

void file.test('a DATA_DIR that is a file is named, and taken once it is a folder', async t => {
  const folder = await makeFolder()
  await writeFile(join(folder, 'data'), 'not a folder')
  const plugin = await Plugin.start(folder)
  t.teardown(() => plugin.remove())
  await refuses(t, plugin, /data.*ENOTDIR/)
  await saysWhatHelps(t, plugin)
  await rm(join(folder, 'data'))
  await servesOnceOpen(t, plugin)
})

for (const { name, what, damage } of [
  { name: 'CURRENT', what: 'overwritten', damage: () => Buffer.from('garbage') },
  { name: 'CURRENT', what: 'changed', damage: flipped },
  { name: 'MANIFEST', what: 'changed', damage: flipped },
  { name: 'MANIFEST', what: 'gone', damage: () => undefined },
]) {
  void file.test(
    `a store whose ${name} is ${what} is left alone, and used again once it is mended`,
    async t => {
      const { folder } = await ended(t)
      const path = await fileOf(folder, name)
      const good = await readFile(path)
      const bad = damage(good)
      await (bad === undefined ? rm(path) : writeFile(path, bad))
      const plugin = await Plugin.start(folder)
      t.teardown(() => plugin.remove())
      await refuses(t, plugin, /Cannot open the state in .*data\/berth\/ipam\/db/)
      await saysWhatHelps(t, plugin)
      await writeFile(path, good)
      await servesOnceOpen(t, plugin)
      t.strictSame(await used(plugin), [HELD, '192.0.2.5'], 'nothing is lost')
    },
  )
}

void file.test(
  'a store whose log is damaged in the middle gives no used address again',
  async t => {
    const { folder } = await ended(t)
    const path = await fileOf(folder, '.log')
    await writeFile(path, flipped(await readFile(path)))
    const plugin = await Plugin.start(folder)
    t.teardown(() => plugin.remove())
    const { body } = await requestEndpoint(plugin, '')
    t.notMatch(body, { Address: `${HELD}/29` }, `${HELD} is in use`)
    t.match(body, { Err: /corrupt.*restore the folder from a backup/ }, 'it says so')
  },
)

for (const key of [
  'store/v1/pools/default/192.0.2.0/29',
  'store/v1/addresses/default/4c0000205',
  `journal/addresses/v1/addresses/default/4c0000204`,
  `journal/pools/${POOL}`,
  'revision-of-store/',
]) {
  void file.test(`an unreadable ${key} is named, and nothing is given`, async t => {
    const { folder } = await ended(t)
    await write(folder, key, UNREADABLE)
    const plugin = await Plugin.start(folder)
    t.teardown(() => plugin.remove())
    const { status, body } = await requestEndpoint(plugin, '')
    t.equal(status, 500, 'it is refused')
    t.match(body['Err'], key.replace('store/', '').replace('journal/', ''), 'it is named')
    await saysWhatHelps(t, plugin)
    await answersCapabilities(t, plugin)
  })
}

void file.test('an unreadable identity is named and never made anew', async t => {
  const { folder } = await ended(t)
  const identity = join(folder, 'data', 'berth', 'host.json')
  await rename(identity, `${identity}.good`)
  await writeFile(identity, '{"id":')
  const plugin = await Plugin.start(folder)
  t.teardown(() => plugin.remove())
  await refuses(t, plugin, /identity .*host\.json/)
  await saysWhatHelps(t, plugin)
  await cp(`${identity}.good`, identity)
  await servesOnceOpen(t, plugin)
  t.strictSame(await used(plugin), [HELD, '192.0.2.5'], 'nothing is lost')
})

async function withAddress(t: Test): Promise<Plugin> {
  const plugin = await Plugin.start(await makeFolder())
  t.teardown(() => plugin.remove())
  await requestPool(plugin, SUBNET, RANGE)
  t.equal((await requestEndpoint(plugin, HELD)).status, 200, 'an address is in use')
  return plugin
}

async function ended(t: Test): Promise<Plugin> {
  const plugin = await withAddress(t)
  await plugin.end('SIGTERM')
  return plugin
}

async function refuses(t: Test, plugin: Plugin, says: RegExp): Promise<void> {
  const started = performance.now()
  const { status, body } = await requestEndpoint(plugin, '')
  t.equal(status, 500, 'it is refused')
  t.ok(performance.now() - started < 8000, 'before long')
  t.match(body['Err'], says, 'it says why')
  await answersCapabilities(t, plugin)
}

async function answersCapabilities(t: Test, plugin: Plugin): Promise<void> {
  const { body } = await plugin.call('GetCapabilities')
  t.strictSame(body, { RequiresMACAddress: true, RequiresRequestReplay: false }, 'it is there')
}

/** What is said must also say what to do. */
async function saysWhatHelps(t: Test, plugin: Plugin): Promise<void> {
  const { body } = await requestEndpoint(plugin, '')
  const says = /restore|set another DATA_DIR|move it away/
  t.match(body['Err'], says, 'it says what would help')
}

/** Without a restart: the first request that is not refused. */
async function servesOnceOpen(t: Test, plugin: Plugin): Promise<void> {
  for (const started = performance.now(); performance.now() - started < 10_000;) {
    if ((await requestPool(plugin, SUBNET, RANGE)).status === 200) break
  }
  t.equal((await requestEndpoint(plugin, '')).status, 200, 'it serves without a restart')
}

async function fileOf(folder: string, name: string): Promise<string> {
  const database = join(folder, 'data', 'berth', 'ipam', 'db')
  const found = (await readdir(database)).find(file => file.includes(name))
  if (!found) throw new Error(`There is no ${name} in ${database}`)
  return join(database, found)
}

async function write(folder: string, key: string, value: string): Promise<void> {
  const database = await LevelDatabase.open(join(folder, 'data', 'berth', 'ipam', 'db'))
  await database.write([{ type: 'put', key, value }], { sync: true })
  await database.close()
}

async function used(plugin: Plugin): Promise<string[]> {
  const { body } = await plugin.view('/v1/addresses')
  const rows = body['addresses'] as { address: string; state: string }[]
  return rows.filter(({ state }) => state === 'used').map(({ address }) => address)
}

/** With one byte in the middle changed. */
function flipped(text: Buffer): Buffer {
  const copy = Buffer.from(text)
  const middle = copy.length >> 1
  copy.writeUInt8(copy.readUInt8(middle) ^ 0xff, middle)
  return copy
}
