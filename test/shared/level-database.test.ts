import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Level } from 'level'
import t from 'tap'
import type { Test } from 'tap'
import { LevelDatabase } from '../../shared/level-database.ts'
import { smallDisk } from './small-disk.ts'

const put = (key: string, value: string) => [{ type: 'put', key, value } as const]

await t.test('a folder that is not there is made, for its owner alone', async t => {
  const folder = join(t.testdir(), 'one', 'two')
  const database = await open(t, folder)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.equal(database.get('a'), undefined)
})

await t.test('what was written is there after it is opened again, synced or not', async t => {
  const folder = t.testdir()
  const database = await open(t, folder)
  await database.write(put('a', '1'), { sync: true })
  await database.write([...put('b', '2'), { type: 'del', key: 'a' }], { sync: false })
  await database.close()
  const again = await open(t, folder)
  t.strictSame(await again.list('a', 'z', 9), [['b', '2']])
})

await t.test('a write that is to survive a power cut is synced, also beside others', async t => {
  const database = await open(t, t.testdir())
  // oxlint-disable-next-line typescript/unbound-method -- capture() calls it on what it was called on
  const batches = t.capture(Level.prototype, 'batch', Level.prototype.batch)
  await Promise.all([
    database.write(put('a', '1'), { sync: false }),
    database.write(put('b', '2'), { sync: true }),
    database.write(put('c', '3'), { sync: false }),
  ])
  for (const { args } of batches()) {
    const [writes, options] = args as unknown as [{ key: string }[], { sync: boolean }]
    t.equal(options.sync || !writes.some(({ key }) => key === 'b'), true, JSON.stringify(args))
  }
  t.strictSame((await database.list('a', 'z', 9)).length, 3)
})

await t.test('close() waits for the writes that were sent', async t => {
  const folder = t.testdir()
  const database = await open(t, folder)
  const sent = ['a', 'b', 'c'].map(key => database.write(put(key, key), { sync: true }))
  await database.close()
  await Promise.all(sent)
  t.strictSame((await (await open(t, folder)).list('a', 'z', 9)).length, 3)
})

await t.test('a database that another process has open is refused, saying so', async t => {
  const folder = t.testdir()
  await holdElsewhere(t, folder)
  await refusesToOpen(t, folder, /another process has it open; stop that one, or .* DATA_DIR/)
})

await t.test('it opens once the other process has ended', async t => {
  const folder = t.testdir()
  const end = await holdElsewhere(t, folder)
  await end()
  await open(t, folder)
})

for (const [title, spoil] of Object.entries({
  'whose CURRENT is garbage': folder => writeFileSync(join(folder, 'CURRENT'), 'garbage'),
  'whose CURRENT is empty': folder => truncateSync(join(folder, 'CURRENT'), 0),
  'whose MANIFEST is cut off': folder => truncateSync(manifest(folder), 3),
  'whose MANIFEST is garbage': folder => writeFileSync(manifest(folder), Buffer.alloc(500, 7)),
} satisfies Record<string, (folder: string) => void>)) {
  await t.test(`a database ${title} is refused as corrupt, and left as it is`, async t => {
    const folder = await written(t)
    spoil(folder)
    await refusesToOpen(t, folder, /it is corrupt \(.+\);.* restore the folder .*or move it away/)
    await refusesToOpen(t, folder, /it is corrupt/)
  })
}

await t.test('a database without its MANIFEST is refused, with what would help', async t => {
  const folder = await written(t)
  rmSync(manifest(folder))
  const message = await refusesToOpen(t, folder, /MANIFEST/)
  t.match(message, /restore the folder/)
})

await t.test('a database that lost its CURRENT is not taken for an empty one', async t => {
  const folder = await written(t)
  rmSync(join(folder, 'CURRENT'))
  const refused = await LevelDatabase.open(folder).then(
    async database => (await database.close(), false),
    () => true,
  )
  t.ok(refused, 'it would be empty, and every address free again')
})

await t.test('a write that was damaged on the disk is not passed over in silence', async t => {
  const folder = await written(t)
  const log = join(folder, nameOf(folder, '.log'))
  const bytes = readFileSync(log)
  writeFileSync(log, bytes.fill(0x5a, 10, 20))
  const database = await LevelDatabase.open(folder).catch(() => undefined)
  const lost = database !== undefined && database.get('a') === undefined
  await database?.close()
  t.notOk(lost)
})

await t.test('a damaged value is an outage that says what would help', async t => {
  const folder = t.testdir()
  const writer = await LevelDatabase.open(folder)
  for (let i = 0; i < 3; i++) await writer.write(put(`k${i}`, randomText()), { sync: true })
  await writer.close()
  await (await LevelDatabase.open(folder)).close()
  const table = join(folder, nameOf(folder, '.ldb'))
  const bytes = readFileSync(table)
  writeFileSync(table, bytes.fill(0x5a, 0, Math.floor(bytes.length * 0.9)))
  const database = await open(t, folder)
  t.throws(() => database.get('k0'), /Corruption/)
  const error: unknown = await database.list('k', 'l', 9).catch((error: unknown) => error)
  t.match(error, { name: 'StoreUnavailable', message: /restore the folder/ })
})

await t.test('a file where the folder should be is refused, with what would help', async t => {
  const file = join(t.testdir({ db: 'a file' }), 'db')
  const message = await refusesToOpen(t, file, /EEXIST/)
  t.match(message, /is no folder|not a folder|another DATA_DIR/)
  await refusesToOpen(t, join(file, 'db'), /ENOTDIR/)
})

await t.test('a read-only file system is named, with what would help', async t => {
  const disk = smallDisk(t, '4m')
  if (!disk) return
  const database = await open(t, join(disk.folder, 'db'))
  await database.close()
  disk.remount('ro')
  const message = await refusesToOpen(t, join(disk.folder, 'db'), /Read-only file system/)
  t.match(message, /not writable .* another DATA_DIR/)
})

await t.test('a folder that may not be written is named, with what would help', async t => {
  const disk = smallDisk(t, '4m')
  if (!disk) return
  const existing = join(disk.folder, 'db')
  await (await open(t, existing)).close()
  await asNobody(async () => {
    await refusesToOpen(t, join(disk.folder, 'new'), /not writable \(EACCES.+another DATA_DIR/)
    await refusesToOpen(t, existing, /not writable \(.*permission denied.+another DATA_DIR/i)
  })
})

await t.test('after a failed write nothing is answered until it was opened anew', async t => {
  const disk = smallDisk(t, '4m')
  if (!disk) return
  const folder = join(disk.folder, 'db')
  const database = await open(t, folder)
  await database.write(put('a', '1'), { sync: true })
  const big = put('big', Math.random().toString(36).repeat(500_000))
  const writes = await Promise.allSettled([
    database.write(big, { sync: true }),
    database.write(put('b', '2'), { sync: true }),
    database.write(put('c', '3'), { sync: true }),
  ])
  t.match(writes[0], { status: 'rejected', reason: { name: 'OutcomeUnknown' } })
  const behind = 'behind a torn write nothing would be found again'
  t.match(writes.slice(1), [{ status: 'rejected' }, { status: 'rejected' }], behind)
  t.throws(() => database.get('a'), { name: 'StoreUnavailable', message: /No space left/ })
  await t.rejects(database.list('a', 'z', 9), { name: 'StoreUnavailable' })
  await t.rejects(database.write(put('c', '3'), { sync: true }), { name: 'StoreUnavailable' })
  disk.remount('size=64m')
  for (let i = 0; !reads(database) && i < 100; i++) await sleep(50)
  t.equal(database.get('a'), '1')
  await database.write(put('d', '4'), { sync: true })
  t.equal(database.get('d'), '4')
})

await t.test('close() ends the attempts to open it anew', async t => {
  const disk = smallDisk(t, '4m')
  if (!disk) return
  const folder = join(disk.folder, 'db')
  const database = await open(t, folder)
  const big = put('big', Math.random().toString(36).repeat(500_000))
  await t.rejects(database.write(big, { sync: true }), { name: 'OutcomeUnknown' })
  renameSync(folder, `${folder}.gone`)
  writeFileSync(folder, '')
  await sleep(100)
  const started = performance.now()
  await database.close()
  t.ok(performance.now() - started < 500)
  t.throws(() => database.get('a'), { name: 'StoreUnavailable' })
})

function reads(database: LevelDatabase): boolean {
  try {
    database.get('a')
    return true
  } catch {
    return false
  }
}

async function open(t: Test, folder: string): Promise<LevelDatabase> {
  const database = await LevelDatabase.open(folder)
  t.teardown(() => database.close())
  return database
}

/** A closed database with something in it. */
async function written(t: Test): Promise<string> {
  const folder = t.testdir()
  const database = await LevelDatabase.open(folder)
  await database.write(put('a', '1'), { sync: true })
  await database.close()
  return folder
}

function manifest(folder: string): string {
  return join(folder, nameOf(folder, 'MANIFEST-'))
}

function nameOf(folder: string, part: string): string {
  return readdirSync(folder).find(name => name.includes(part)) ?? ''
}

/** So much that it does not stay in the log. */
function randomText(): string {
  return Array.from({ length: 100_000 }, () => Math.random().toString(36)).join('')
}

/** Checks the sentence, and returns it. */
async function refusesToOpen(t: Test, folder: string, sentence: RegExp): Promise<string> {
  const error: unknown = await LevelDatabase.open(folder).then(
    async database => await database.close(),
    error => error,
  )
  t.match(error, { name: 'StoreUnavailable' })
  const message = error instanceof Error ? error.message : ''
  t.match(message, sentence)
  t.ok(message.includes(folder), 'it names the folder')
  return message
}

/** As a user who owns nothing, whatever the test runs as. */
async function asNobody(job: () => Promise<void>): Promise<void> {
  process.seteuid?.(65_534)
  try {
    await job()
  } finally {
    process.seteuid?.(0)
  }
}

async function holdElsewhere(t: Test, folder: string): Promise<() => Promise<void>> {
  const holder = spawn(execPath, [join(import.meta.dirname, 'hold-database.ts'), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(holder, 'exit')
  const end = async () => {
    holder.stdin.end()
    await exited
  }
  t.teardown(end)
  await once(holder.stdout, 'data')
  return end
}
