import t from 'tap'
import { entriesBelow, entriesBetween } from '../../shared/pages.ts'
import { endOf } from '../../shared/store.ts'
import type { Store } from '../../shared/store.ts'
import { openStore, put } from './open-store.ts'

for (const count of [0, 1, 999, 1000, 1001, 2500]) {
  await t.test(`${count} entries come in key order, each once`, async t => {
    const store = await openStore(t)
    const keys = Array.from({ length: count }, (_, i) => `a/${String(i).padStart(5, '0')}`)
    await store.commit({ require: [], write: keys.map(key => ({ put: key, value: key })) })
    const reads = countReads(store)
    t.strictSame(await keysBetween(store, 'a/', 'a0'), keys)
    t.equal(reads.count, Math.floor(count / 1000) + 1, 'a thousand at a time')
  })
}

await t.test('what lies before and behind is left out', async t => {
  const store = await openStore(t)
  for (const key of ['a', 'b', 'b/1', 'b/2', 'c']) await put(store, key, '')
  t.strictSame(await keysBetween(store, 'b', 'c'), ['b', 'b/1', 'b/2'])
  t.strictSame(await keysBetween(store, 'b/', 'b/2'), ['b/1'])
  t.strictSame(await keysBetween(store, 'c', 'b'), [])
})

await t.test('endOf() is the first key behind all that begin with the prefix', t => {
  const end = endOf('v1/pools/')
  t.ok('v1/pools/~~~' < end)
  t.ok('v1/pools0' >= end)
  t.equal(end, 'v1/pools0')
  t.end()
})

await t.test('entriesBelow() gives all that begin with the prefix', async t => {
  const store = await openStore(t)
  for (const key of ['a/9', 'b', 'b/', 'b/1', 'b/~', 'b0']) await put(store, key, '')
  const keys: string[] = []
  for await (const { key } of entriesBelow(store, 'b/')) keys.push(key)
  t.strictSame(keys, ['b/', 'b/1', 'b/~'])
})

await t.test(
  'what is written behind the page that was read is seen, and goes unseen before it',
  async t => {
    const store = await openStore(t)
    const keys = Array.from({ length: 1000 }, (_, i) => `a/${String(i).padStart(5, '0')}`)
    await store.commit({ require: [], write: keys.map(key => ({ put: key, value: '' })) })
    const found: string[] = []
    for await (const { key } of entriesBetween(store, 'a/', 'a0')) {
      if (found.length === 0) {
        await put(store, 'a/000000', '')
        await put(store, 'a/1', '')
      }
      found.push(key)
    }
    t.strictSame(found, [...keys, 'a/1'])
  },
)

await t.test('whoever has seen enough reads no further', async t => {
  const store = await openStore(t)
  const keys = Array.from({ length: 1500 }, (_, i) => `a/${String(i).padStart(5, '0')}`)
  await store.commit({ require: [], write: keys.map(key => ({ put: key, value: '' })) })
  const reads = countReads(store)
  for await (const { key } of entriesBetween(store, 'a/', 'a0')) {
    t.equal(key, 'a/00000')
    break
  }
  t.equal(reads.count, 1)
})

async function keysBetween(store: Store, from: string, to: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of entriesBetween(store, from, to)) keys.push(key)
  return keys
}

function countReads(store: Store): { count: number } {
  const reads = { count: 0 }
  const list = store.list.bind(store)
  store.list = async (from, to, limit) => {
    reads.count += 1
    return await list(from, to, limit)
  }
  return reads
}
