import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { LevelDatabase } from '../../shared/level-database.ts'
import { LevelStore } from '../../shared/level-store.ts'
import { OutcomeUnknown, StoreUnavailable, unchanged } from '../../shared/store.ts'
import type { Store } from '../../shared/store.ts'
import { smallDisk } from './small-disk.ts'
import { storeContract } from './store-contract.ts'
import type { World } from './store-contract.ts'

const PREFIX = 'store/'

await storeContract(t, 'LevelDB', openWorld)

await t.test('of commits that share one sync, the second loses to the first', async t => {
  const { store } = await openWorld(t)
  const claim = (value: string) =>
    store.commit({ require: [{ key: 'a', is: 'absent' }], write: [{ put: 'a', value }] })
  const [first, second] = await Promise.all([claim('1'), claim('2')])
  t.match(first, { committed: true, revision: '1' })
  t.strictSame(second, {
    committed: false,
    current: new Map([['a', { key: 'a', value: '1', revision: '1' }]]),
  })
})

await t.test('of commits that share one sync, the later sees what the earlier deleted', async t => {
  const { store } = await openWorld(t)
  await store.commit({ require: [], write: [{ put: 'a', value: '1' }] })
  const [, again] = await Promise.all([
    store.commit({ require: [], write: [{ delete: 'a' }] }),
    store.commit({ require: [{ key: 'a', is: 'absent' }], write: [{ put: 'a', value: '2' }] }),
  ])
  t.match(again, { committed: true, revision: '3' })
  t.strictSame(await store.get('a'), { key: 'a', value: '2', revision: '3' })
})

await t.test('many commits at once need few writes to the disk', async t => {
  const database = await openDatabase(t, t.testdir())
  let writes = 0
  const write = database.write.bind(database)
  database.write = async (...args) => {
    writes += 1
    t.strictSame(args[1], { sync: true })
    await write(...args)
  }
  const store = new LevelStore(database, PREFIX)
  await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      store.commit({ require: [], write: [{ put: `k${i}`, value: '' }] }),
    ),
  )
  t.equal((await store.list('k', 'l', 200)).length, 100)
  t.ok(writes <= 2, `${writes} writes`)
})

await t.test(
  'a commit of unknown outcome that was carried out is seen by who read before',
  async t => {
    const database = await openDatabase(t, t.testdir())
    const store = new LevelStore(database, PREFIX)
    t.equal(await store.get('a'), undefined)
    const write = database.write.bind(database)
    database.write = async (...args) => {
      await write(...args)
      throw new OutcomeUnknown('the answer is lost')
    }
    const claim = { require: [unchanged('a', undefined)], write: [{ put: 'a', value: '1' }] }
    await t.rejects(store.commit(claim), OutcomeUnknown)
    database.write = write
    t.match(await store.get('a'), { value: '1' })
    t.match(await store.commit(claim), { committed: false })
  },
)

await t.test('close() waits for the commits that were sent', async t => {
  const { store } = await openWorld(t)
  const sent = store.commit({ require: [], write: [{ put: 'a', value: '1' }] })
  await store.close()
  t.match(await store.get('a'), { value: '1' })
  t.match(await sent, { committed: true })
  await store.close()
})

await t.test('stores with different prefixes share a database and nothing else', async t => {
  const database = await openDatabase(t, t.testdir())
  const [one, two] = [new LevelStore(database, 'one/'), new LevelStore(database, 'two/')]
  await one.commit({ require: [], write: [{ put: 'a', value: '1' }] })
  t.equal(await two.get('a'), undefined)
  t.strictSame(await two.list('', '~', 9), [])
  t.match(await two.commit({ require: [], write: [] }), { committed: true, revision: '1' })
})

await t.test('a closed database answers that it is closed', async t => {
  const database = await openDatabase(t, t.testdir())
  const store = new LevelStore(database, PREFIX)
  await database.close()
  const closed = { name: 'StoreUnavailable', message: /cannot be used: it is closed/ }
  await t.rejects(store.get('a'), closed)
  await t.rejects(store.list('a', 'b', 1), closed)
  const group = [1, 2, 3].map(() => store.commit({ require: [], write: [] }))
  await Promise.all(group.map(commit => t.rejects(commit, closed)))
})

await t.test('a full disk costs no commit that was answered, and none comes half', async t => {
  const disk = smallDisk(t, '4m')
  if (!disk) return
  const store = new LevelStore(await openDatabase(t, `${disk.folder}/db`), PREFIX)

  const { answered, unknown } = await fill(t, store)
  t.ok(answered.length > 2, `${answered.length} commits were answered before`)
  await t.rejects(putPair(store, 'later'), {
    name: /StoreUnavailable|OutcomeUnknown/,
    message: /[Nn]o space left/,
  })

  disk.remount('size=16m')
  await untilAnswering(store)
  const found = new Map((await store.list('', '~', 1000)).map(entry => [entry.key, entry]))
  for (const { key, revision } of answered) {
    t.equal(found.get(`${key}/1`)?.revision, revision, `${key} is there`)
    t.equal(found.get(`${key}/2`)?.revision, revision)
  }
  t.equal(
    found.has(`${unknown}/1`),
    found.has(`${unknown}/2`),
    'the unknown one is whole or not there',
  )
  const next = await putPair(store, 'next')
  const highest = Math.max(...Array.from(found.values(), ({ revision }) => Number(revision)))
  t.ok(Number(next) > highest, `revision ${next} comes after ${highest}`)
})

async function fill(t: Test, store: Store) {
  const answered: { key: string; revision: string }[] = []
  for (let i = 0; i < 1000; i++) {
    const key = `k${String(i).padStart(4, '0')}`
    try {
      answered.push({ key, revision: await putPair(store, key) })
    } catch (error) {
      t.ok(
        error instanceof OutcomeUnknown,
        `the failed write is of unknown outcome: ${String(error)}`,
      )
      return { answered, unknown: key }
    }
  }
  throw new Error('The small disk was never full')
}

async function putPair(store: Store, key: string): Promise<string> {
  const value = Array.from({ length: 3000 }, () => Math.random().toString(36)).join('')
  const result = await store.commit({
    require: [],
    write: [
      { put: `${key}/1`, value },
      { put: `${key}/2`, value },
    ],
  })
  if (!result.committed) throw new Error('A commit without conditions was lost')
  return result.revision
}

async function untilAnswering(store: Store): Promise<void> {
  for (const deadline = Date.now() + 10_000; ; await sleep(50)) {
    try {
      await store.get('a')
      return
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || Date.now() > deadline) throw error
    }
  }
}

async function openWorld(t: Test): Promise<World & { store: LevelStore }> {
  const folder = t.testdir()
  const database = await openDatabase(t, folder)
  return {
    store: new LevelStore(database, PREFIX),
    reopen: async () => {
      await database.close()
      return new LevelStore(await openDatabase(t, folder), PREFIX)
    },
  }
}

async function openDatabase(t: Test, folder: string): Promise<LevelDatabase> {
  const database = await LevelDatabase.open(folder)
  t.teardown(() => database.close())
  return database
}
