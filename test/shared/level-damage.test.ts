import {
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { bootId } from '../../shared/boot-id.ts'
import { damage, knownDamage } from '../../shared/level-damage.ts'
import { LevelDatabase } from '../../shared/level-database.ts'

const DAMAGED = {
  name: 'StoreUnavailable',
  message: /it is corrupt \(dropping \d+ bytes; Corruption.*stop every container .*move it away/,
}
const SAID = 'dropping 34 bytes; Corruption: checksum mismatch'

await t.test('damage in the same boot is refused, and so is every opening after', async t => {
  const folder = await damaged(t)
  for (let i = 0; i < 3; i++) await t.rejects(LevelDatabase.open(folder), DAMAGED)
})

await t.test('what was refused holds nothing open', async t => {
  const folder = await damaged(t)
  await t.rejects(LevelDatabase.open(folder), DAMAGED)
  asOfAnotherBoot(folder)
  const database = await open(t, folder)
  t.equal(database.get('b'), undefined)
})

await t.test('a database without damage opens again and again', async t => {
  const folder = t.testdir()
  for (const key of ['a', 'b', 'c']) {
    const database = await LevelDatabase.open(folder)
    await database.write([{ type: 'put', key, value: key }], { sync: true })
    await database.close()
  }
  t.equal((await (await open(t, folder)).list('a', 'z', 9)).length, 3)
})

await t.test('damage that a reboot brought is let through, with what is left', async t => {
  const folder = await damaged(t)
  asOfAnotherBoot(folder)
  const database = await open(t, folder)
  await database.write([{ type: 'put', key: 'c', value: '3' }], { sync: true })
  await database.close()
  t.equal((await open(t, folder)).get('c'), '3', 'and so it is at the next opening')
})

await t.test('damage after that, in the new boot, is refused again', async t => {
  const folder = await damaged(t)
  asOfAnotherBoot(folder)
  const database = await LevelDatabase.open(folder)
  await database.write([{ type: 'put', key: 'c', value: '3' }], { sync: true })
  await database.close()
  spoilLog(folder)
  await t.rejects(LevelDatabase.open(folder), DAMAGED)
})

await t.test('a damaged folder that was moved away is replaced by an empty one', async t => {
  const folder = await damaged(t)
  await t.rejects(LevelDatabase.open(folder), DAMAGED)
  renameSync(folder, `${folder}.away`)
  const database = await open(t, folder)
  t.strictSame(await database.list('a', 'z', 9), [])
  renameSync(folder, `${folder}.new`)
  renameSync(`${folder}.away`, folder)
  await t.rejects(LevelDatabase.open(folder), DAMAGED, 'moved back, it is as damaged as before')
})

await t.test('a write that a crash cut off is no damage', async t => {
  const folder = await written(t)
  const log = logOf(folder)
  writeFileSync(log, readFileSync(log).subarray(0, -3))
  t.equal((await open(t, folder)).get('a'), '1')
})

await t.test('an opening that failed at its own notes can be tried again', async t => {
  const folder = await written(t)
  rmSync(join(folder, 'berth-boot'))
  mkdirSync(join(folder, 'berth-boot'))
  await t.rejects(LevelDatabase.open(folder), { name: 'StoreUnavailable', message: /EISDIR/ })
  rmdirSync(join(folder, 'berth-boot'))
  const again = await LevelDatabase.open(folder).catch((error: unknown) => error)
  t.teardown(async () => (again instanceof LevelDatabase ? await again.close() : undefined))
  t.type(again, LevelDatabase)
})

await t.test('found in this boot, it says what LevelDB said, now and later', async t => {
  const folder = t.testdir({ LOG: `2026/11/20-14:00:00 Log #3: ${SAID}\n`, 'berth-boot': 'boot-1' })
  t.equal(await knownDamage(folder, 'boot-1'), undefined)
  t.equal(await damage(folder, 'boot-1'), SAID)
  t.equal(await knownDamage(folder, 'boot-1'), SAID)
  t.equal(await knownDamage(folder, 'boot-1'), SAID)
})

await t.test('found in an earlier boot, it is forgotten in the next', async t => {
  const folder = t.testdir({ 'berth-damaged': `boot-1 ${SAID}` })
  t.equal(await knownDamage(folder, 'boot-2'), undefined)
  t.strictSame(readdirSync(folder), [])
})

await t.test('found at the first opening in a boot, it is none', async t => {
  for (const files of [{ 'berth-boot': 'boot-1' }, {}]) {
    const folder = t.testdir({ LOG: `${SAID}\n`, ...files })
    t.equal(await damage(folder, 'boot-2'), undefined)
    t.equal(await knownDamage(folder, 'boot-2'), undefined)
    t.equal(await damage(folder, 'boot-2'), SAID, 'but it is at the second')
  }
})

await t.test('a log of LevelDB that cannot be read is an error, not a clean bill', async t => {
  await t.rejects(damage(t.testdir(), 'boot-1'), { code: 'ENOENT' })
})

/** The kernel's boot id cannot be changed: what the folder says is. */
function asOfAnotherBoot(folder: string): void {
  writeFileSync(join(folder, 'berth-boot'), 'another boot')
  const found = readdirSync(folder).includes('berth-damaged')
  if (found) writeFileSync(join(folder, 'berth-damaged'), `another-boot ${SAID}`)
}

async function open(t: Test, folder: string): Promise<LevelDatabase> {
  const database = await LevelDatabase.open(folder)
  t.teardown(() => database.close())
  return database
}

/** A closed database of two writes, `a` and `b`, of this boot. */
async function written(t: Test): Promise<string> {
  const folder = join(t.testdir(), 'db')
  const database = await LevelDatabase.open(folder)
  await database.write([{ type: 'put', key: 'a', value: '1' }], { sync: true })
  await database.write([{ type: 'put', key: 'b', value: '2' }], { sync: true })
  await database.close()
  t.equal(readFileSync(join(folder, 'berth-boot'), 'utf8'), await bootId())
  return folder
}

async function damaged(t: Test): Promise<string> {
  const folder = await written(t)
  spoilLog(folder)
  return folder
}

function spoilLog(folder: string): void {
  const log = logOf(folder)
  writeFileSync(log, readFileSync(log).fill(0x5a, 10, 20))
}

function logOf(folder: string): string {
  return join(folder, readdirSync(folder).find(name => name.endsWith('.log')) ?? '')
}
