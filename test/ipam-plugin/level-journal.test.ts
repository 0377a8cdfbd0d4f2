import { spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Level } from 'level'
import t from 'tap'
import type { Test } from 'tap'
import type { AddressEntry, PoolEntry } from '../../ipam-plugin/journal.ts'
import { LevelJournal } from '../../ipam-plugin/level-journal.ts'
import type { PoolId } from '../../ipam-plugin/pool-id.ts'
import { LevelDatabase } from '../../shared/level-database.ts'
import { smallDisk } from '../shared/small-disk.ts'

const held = entry('held')
const intent = entry('intent')
const MANY = 600
/** More than are read at once. */
const PAGES = 2100

await t.test('an entry written just before kill -9 is there in the same boot', async t => {
  const folder = t.testdir()
  const code = `
    import { LevelDatabase } from '${new URL('../../shared/level-database.ts', import.meta.url).href}'
    import { LevelJournal } from '${new URL('../../ipam-plugin/level-journal.ts', import.meta.url).href}'
    const database = await LevelDatabase.open('${join(folder, 'db')}')
    const journal = await LevelJournal.open(database, '${join(folder, 'journal')}', 'boot-1')
    journal.writeAddress('a', ${JSON.stringify(held)})
    process.kill(process.pid, 'SIGKILL')`
  const writer = spawnSync(execPath, ['--input-type=module', '-e', code], { timeout: 20_000 })
  t.equal(writer.signal, 'SIGKILL', String(writer.stderr))
  t.strictSame(await entries(await open(t, folder)), { a: held })
})

await t.test('the newest of several survives, and what was removed stays removed', async t => {
  const world = await open(t, t.testdir())
  world.journal.writeAddress('a', intent)
  world.journal.writeAddress('b', held)
  await world.journal.sync()
  world.journal.writeAddress('a', held)
  world.journal.writeAddress('b', undefined)
  world.journal.writeAddress('c', held)
  world.journal.writeAddress('c', undefined)
  const again = await open(t, killed(t, world))
  t.strictSame(await entries(again), { a: held })
  t.strictSame([again.journal.address('a'), again.journal.address('b')], [held, undefined])
})

await t.test('it survives a second kill -9, during the next start', async t => {
  const world = await open(t, t.testdir())
  world.journal.writeAddress('a', held)
  const second = await open(t, killed(t, world))
  t.equal(fileOf(second).length, 0)
  t.strictSame(await entries(await open(t, killed(t, second))), { a: held })
})

await t.test('the file of another boot is ignored: the database may be newer', async t => {
  const world = await open(t, t.testdir())
  world.journal.writeAddress('a', intent)
  const early = fileOf(world)
  world.journal.writeAddress('a', held)
  await world.journal.sync()
  const folder = killed(t, world)
  writeFileSync(join(folder, 'journal'), early)
  const after = await open(t, folder, 'boot-2')
  t.strictSame(await entries(after), { a: held })
  t.equal(fileOf(after).length, 0, 'and it is not read again')
})

await t.test('a torn record is ignored, the others are not', async t => {
  const world = await open(t, t.testdir())
  world.journal.writeAddress('a', held)
  const folder = killed(t, world)
  const [record = ''] = readFileSync(join(folder, 'journal'), 'utf8').split('\n').filter(Boolean)
  for (const length of [1, record.length >> 1, record.length - 1]) {
    appendFileSync(join(folder, 'journal'), `\n${record.replace('"a"', '"b"').slice(0, length)}`)
  }
  appendFileSync(join(folder, 'journal'), `\n${record.replace('"a"', '"c"')}`)
  t.strictSame(await entries(await open(t, folder)), { a: held, c: held })
})

await t.test('a record with a field of a later version is not taken for a torn one', async t => {
  const world = await open(t, t.testdir())
  world.journal.writeAddress('a', held)
  const folder = killed(t, world)
  const text = readFileSync(join(folder, 'journal'), 'utf8')
  writeFileSync(join(folder, 'journal'), text.replace('"held"', '"held","lease":1'))
  t.strictSame(await entries(await open(t, folder)), { a: held })
})

await t.test('what was written goes into the database by itself', async t => {
  const world = await open(t, t.testdir())
  world.journal.writeAddress('a', held)
  world.journal.writeAddress('b', undefined)
  await until(async () => (await inDatabase(world)).length === 1)
  t.strictSame(await inDatabase(world), ['a'])
  t.not(fileOf(world).length, 0, 'a short file is left as it is')
  world.journal.writeAddress('a', undefined)
  await until(async () => (await inDatabase(world)).length === 0)
})

await t.test('of a long file what is in the database is taken out, not before', async t => {
  const world = await open(t, t.testdir())
  const release = holdWrites(t, world.database)
  for (let i = 0; i < MANY; i++) world.journal.writeAddress(`k${i}`, held)
  const first = world.journal.sync()
  world.journal.writeAddress('late', held)
  const length = fileOf(world).length
  t.ok(length > 64 * 1024)
  t.equal(statSync(join(world.folder, 'journal')).size, length)
  release()
  await first
  t.match(fileOf(world), /^\n[^\n]*"late"[^\n]*$/, 'one of them is not in the database yet')
  t.equal(Object.keys(await entries(await open(t, killed(t, world)))).length, MANY + 1)
  release()
  release()
  await until(async () => (await inDatabase(world)).length === MANY + 1)
  world.journal.writeAddress('later', held)
  const again = await open(t, killed(t, world))
  t.equal(Object.keys(await entries(again)).length, MANY + 2, 'it is written to as before')
})

await t.test('an entry that changes while it is written is the newer one', async t => {
  const world = await open(t, t.testdir())
  const release = holdWrites(t, world.database)
  for (const key of ['a', 'b']) world.journal.writeAddress(key, intent)
  const first = world.journal.sync()
  world.journal.writeAddress('a', held)
  world.journal.writeAddress('b', undefined)
  release()
  await first
  t.strictSame(await inDatabase(world), ['a', 'b'])
  t.strictSame(await entries(world), { a: held })
  release()
  await until(async () => (await inDatabase(world)).length === 1)
  t.strictSame(await entries(world), { a: held })
})

await t.test('an entry removed while it is written to the database is gone from it', async t => {
  const world = await open(t, t.testdir())
  const release = holdWrites(t, world.database)
  world.journal.writeAddress('a', undefined)
  const first = world.journal.sync()
  world.journal.writeAddress('a', held)
  const second = world.journal.sync()
  world.journal.writeAddress('a', undefined)
  release()
  await first
  t.equal(world.journal.address('a'), undefined)
  release()
  await second
  t.equal(world.journal.address('a'), undefined)
  t.strictSame(await entries(world), {})
})

await t.test('addresses() knows what is on its way, and not what was just removed', async t => {
  const world = await open(t, t.testdir())
  for (const key of ['lan/1', 'lan/2', 'lan/3', 'wan/1']) world.journal.writeAddress(key, intent)
  await world.journal.sync()
  holdWrites(t, world.database)
  world.journal.writeAddress('lan/1', undefined)
  world.journal.writeAddress('lan/2', held)
  world.journal.writeAddress('lan/4', held)
  world.journal.writeAddress('wan/2', held)
  const lan = { 'lan/2': held, 'lan/3': intent, 'lan/4': held }
  t.strictSame(await entries(world, 'lan/'), lan)
  t.strictSame(await entries(world), { ...lan, 'wan/1': intent, 'wan/2': held })
  t.strictSame(await entries(world, 'none/'), {})
})

await t.test(
  'an entry removed before it was listed is not listed, whatever is written',
  async t => {
    const world = await open(t, t.testdir())
    world.journal.writeAddress('a', held)
    await world.journal.sync()
    world.journal.writeAddress('a', undefined)
    const list = world.database.list.bind(world.database)
    world.database.list = async (...args) => {
      const rows = await list(...args)
      await world.journal.sync()
      return rows
    }
    t.strictSame(await entries(world), {})
  },
)

await t.test('addresses() comes to an end with more entries than one page', async t => {
  const world = await open(t, t.testdir())
  for (let i = 0; i < 2500; i++) world.journal.writeAddress(`k${i}`, held)
  await world.journal.sync()
  t.equal(Object.keys(await entries(world)).length, 2500)
})

await t.test('an entry that is answered while others are listed is not missed', async t => {
  const world = await open(t, t.testdir())
  for (let i = 0; i < 1500; i++) world.journal.writeAddress(`k${i}`, intent)
  const seen: Record<string, AddressEntry> = {}
  for await (const [key, found] of world.journal.addresses()) {
    if (Object.keys(seen).length === 0) await world.journal.sync()
    seen[key] = found
    world.journal.writeAddress(key, held)
  }
  t.equal(Object.keys(seen).length, 1500)
})

await t.test('while the database cannot be written, entries are read and kept', async t => {
  const disk = smallDisk(t, '4m')
  if (!disk) return
  const file = join(t.testdir(), 'journal')
  const database = await LevelDatabase.open(join(disk.folder, 'db'))
  const journal = await LevelJournal.open(database, file, 'boot-1')
  t.teardown(async () => (await journal.close(), await database.close()))
  journal.writeAddress('old', held)
  await journal.sync()
  const value = Math.random().toString(36).repeat(500_000)
  await t.rejects(database.write([{ type: 'put', key: 'big', value }], { sync: true }))
  journal.writeAddress('a', held)
  await t.rejects(journal.sync(), /No space left/)
  await sleep(1500)
  t.strictSame(journal.address('a'), held)
  t.throws(() => journal.address('old'), { name: 'StoreUnavailable' }, 'nothing is made up')
  t.throws(() => journal.address('b'), { name: 'StoreUnavailable' }, 'nor built on')
  disk.remount('size=64m')
  await until(async () => (await listed(database).catch(() => [])).length === 2)
  t.strictSame([journal.address('a'), journal.address('old')], [held, held])
})

await t.test('an entry that the disk has no room for is an error, and not there', async t => {
  const disk = smallDisk(t, '64k')
  if (!disk) return
  const database = await LevelDatabase.open(join(t.testdir(), 'db'))
  const journal = await LevelJournal.open(database, join(disk.folder, 'journal'), 'boot-1')
  t.teardown(async () => (await journal.close(), await database.close()))
  journal.writeAddress('a', intent)
  const filler = join(disk.folder, 'filler')
  t.throws(() => writeFileSync(filler, Buffer.alloc(1 << 20)), { code: 'ENOSPC' })
  const written = []
  const attempt = () => {
    for (; written.length < 100; written.push('')) journal.writeAddress(`k${written.length}`, held)
  }
  t.throws(attempt, { code: 'ENOSPC' })
  const torn = `k${written.length - 1}`
  t.strictSame([journal.address('a'), journal.address(`k${written.length}`)], [intent, undefined])
  const last = readFileSync(join(disk.folder, 'journal'), 'utf8').split('\n').at(-1) ?? ''
  t.notOk(last.includes(`"${torn}"`) && !last.endsWith('}}'), 'none is torn but said to be written')
  rmSync(filler)
  journal.writeAddress('a', held)
  t.strictSame(journal.address('a'), held)
})

await t.test('sync() leaves nothing that a power cut could take', async t => {
  const world = await open(t, t.testdir())
  // oxlint-disable-next-line typescript/unbound-method -- capture() calls it on what it was called on
  const batches = t.capture(Level.prototype, 'batch', Level.prototype.batch)
  world.journal.writeAddress('a', held)
  await world.journal.sync()
  const [first] = batches()
  t.match(first?.args, [{ length: 2 }, { sync: true }])
  t.match(JSON.stringify(first?.args), 'journal/addresses/a')
  world.journal.writeAddress('b', held)
  await until(async () => (await inDatabase(world)).length === 2)
  t.match(batches().at(-1)?.args, [{}, { sync: false }], 'by itself it goes there unsynced')
  // oxlint-disable-next-line typescript/unbound-method -- capture() calls it on what it was called on
  const puts = t.capture(Level.prototype, 'put', Level.prototype.put)
  await world.journal.sync()
  t.match(puts()[0]?.args, [/./, /./, { sync: true }], 'though nothing is pending')
})

await t.test(
  'after a restart each of many entries is known, and one that was removed is not',
  async t => {
    const world = await open(t, t.testdir())
    const keys = Array.from({ length: PAGES }, (_, i) => `k${i}`)
    for (const key of keys) world.journal.writeAddress(key, held)
    world.journal.writeAddress('k7', undefined)
    await world.journal.sync()
    const { journal } = await open(t, killed(t, world))
    const unknown = keys.filter(key => journal.address(key) === undefined)
    t.strictSame(unknown, ['k7'])
    journal.writeAddress('k7', intent)
    t.strictSame(journal.address('k7'), intent)
  },
)

await t.test('close() puts all of it into the database, and leaves an empty file', async t => {
  const world = await open(t, t.testdir())
  world.journal.writeAddress('a', held)
  await world.close()
  t.equal(fileOf(world).length, 0)
  t.strictSame(await entries(await open(t, world.folder)), { a: held })
})

await t.test('close() leaves in the file what the database did not take', async t => {
  const world = await open(t, t.testdir())
  world.database.write = async () => await Promise.reject(new Error('full'))
  world.journal.writeAddress('a', held)
  await world.close()
  t.strictSame(await entries(await open(t, world.folder)), { a: held })
})

await t.test('a file that cannot be written to the database at the start stays', async t => {
  const world = await open(t, t.testdir())
  world.journal.writeAddress('a', held)
  const folder = killed(t, world)
  const database = await LevelDatabase.open(join(folder, 'db'))
  const write = database.write.bind(database)
  database.write = async () => await Promise.reject(new Error('full'))
  await t.rejects(LevelJournal.open(database, join(folder, 'journal'), 'boot-1'), /full/)
  database.write = write
  const journal = await LevelJournal.open(database, join(folder, 'journal'), 'boot-1')
  t.teardown(async () => (await journal.close(), await database.close()))
  t.strictSame(journal.address('a'), held)
})

await t.test('an entry of a pool is synced, and kept apart from addresses', async t => {
  const world = await open(t, t.testdir())
  const id = 'lan~192.0.2.0/24~-' as PoolId
  const pool: PoolEntry = {
    state: 'joined',
    count: 2,
    cooldownMs: 5,
    exclude: ['192.0.2.9'],
    automatic: false,
    gateway: { address: '192.0.2.1', by: 'rack1' },
    aux: ['192.0.2.2'],
  }
  // oxlint-disable-next-line typescript/unbound-method -- capture() calls it on what it was called on
  const puts = t.capture(Level.prototype, 'put', Level.prototype.put)
  await world.journal.writePool(id, pool)
  t.match(puts()[0]?.args, [/./, /./, { sync: true }])
  const again = await open(t, killed(t, world))
  t.strictSame([await again.journal.pools(), await entries(again)], [[[id, pool]], {}])
  await again.journal.writePool(id, undefined)
  t.strictSame(await again.journal.pools(), [])
})

await t.test('an entry of the database that cannot be read is named', async t => {
  const world = await open(t, t.testdir())
  world.journal.writeAddress('a', held)
  await world.journal.sync()
  const key = 'journal/addresses/a'
  await world.database.write([{ type: 'put', key, value: '{"state":' }], { sync: true })
  t.throws(() => world.journal.address('a'), /journal\/addresses\/a cannot be read.*backup/)
})

type World = {
  readonly folder: string
  readonly database: LevelDatabase
  readonly journal: LevelJournal
  readonly close: () => Promise<void>
}

function entry(state: AddressEntry['state']): AddressEntry {
  return { state, pool: 'lan~192.0.2.0/24~-' as PoolId, op: 'op-1', boot: 'boot-1' }
}

async function open(t: Test, folder: string, boot = 'boot-1'): Promise<World> {
  const database = await LevelDatabase.open(join(folder, 'db'))
  const journal = await LevelJournal.open(database, join(folder, 'journal'), boot)
  let closing: Promise<void> | undefined
  const close = () => (closing ??= journal.close().then(() => database.close()))
  t.teardown(close)
  return { folder, database, journal, close }
}

/** What kill -9 at this moment would leave, in a folder of its own: what reached the system, and nothing else. */
function killed(t: Test, { folder }: World): string {
  const copy = `${folder}-${Math.random().toString(36).slice(2)}`
  t.teardown(() => rmSync(copy, { recursive: true, force: true }))
  cpSync(folder, copy, { recursive: true })
  return copy
}

function fileOf({ folder }: World): Buffer {
  return readFileSync(join(folder, 'journal'))
}

async function entries({ journal }: World, prefix?: string) {
  const found: [string, AddressEntry][] = []
  for await (const [key, one] of journal.addresses(prefix)) found.push([key, one])
  return Object.fromEntries(found.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** The keys that stand in the database itself. */
async function inDatabase({ database }: World): Promise<string[]> {
  return await listed(database)
}

async function listed(database: LevelDatabase): Promise<string[]> {
  const rows = await database.list('journal/addresses/', 'journal/addresses0', 10_000)
  return rows.map(([key]) => key.slice('journal/addresses/'.length))
}

/** Writes wait from now on, each until the function returned is called once more, or the test ends. */
function holdWrites(t: Test, database: LevelDatabase): () => void {
  const write = database.write.bind(database)
  const waiting: (() => void)[] = []
  let allowed = 0
  const letThrough = () => {
    for (const resolve of waiting.slice(0, allowed)) resolve()
  }
  t.teardown(() => {
    allowed = Infinity
    letThrough()
  })
  database.write = async (...args) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.push(resolve)
    letThrough()
    await promise
    await write(...args)
  }
  return () => {
    allowed += 1
    letThrough()
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; !(await holds()); i++) {
    if (i > 300) throw new Error('It did not come to that in time')
    await sleep(10)
  }
}
