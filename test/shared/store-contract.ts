import type { Test } from 'tap'
import type { CommitResult, Entry, Revision, Store } from '../../shared/store.ts'

/** A store on an empty key space, and how to come back to what it holds. */
export type World = {
  readonly store: Store
  /** The same state after the process ended and began again; the store above is not used any more. */
  reopen(): Promise<Store>
  /** A second instance at the same time, where the store can have one. */
  readonly another?: () => Promise<Store>
}

/**
 * What every implementation of the store port keeps. A line joins it: `await storeContract(t, 'LevelDB', open)`.
 *
 * @param open a world of its own for each test; it cleans up with `t.teardown`
 */
export async function storeContract(
  t: Test,
  name: string,
  open: (t: Test) => Promise<World>,
): Promise<void> {
  await t.test(`${name} keeps the contract of the store`, async t => {
    for (const [title, promise] of Object.entries(PROMISES)) {
      await t.test(title, async t => await promise(t, await open(t)))
    }
  })
}

const PROMISES: Readonly<Record<string, (t: Test, world: World) => Promise<void>>> = {
  'get() knows nothing of a key that was never written': async (t, { store }) => {
    t.equal(await store.get('a'), undefined)
  },

  'get() answers what was put last, with the revision of that commit': async (t, { store }) => {
    await put(store, 'a', 'one')
    const revision = await put(store, 'a', 'two')
    t.strictSame(await store.get('a'), { key: 'a', value: 'two', revision })
  },

  'values come back as they were, whatever stands in them': async (t, { store }) => {
    const values = ['', ' ', ' 7 8', '0', 'ä€\u{1f6a2}\0\n', '{"a":" b"}', 'x'.repeat(500_000)]
    for (const [i, value] of values.entries()) await put(store, `v${i}`, value)
    const entries = await store.list('v', 'w', 100)
    t.strictSame(
      entries.map(({ value }) => value),
      values,
    )
  },

  'list() goes in key order, from the first bound on and up to the second': async (
    t,
    { store },
  ) => {
    for (const key of ['b', 'a/2', 'c', 'a', 'a/10', 'B', 'a0']) await put(store, key, key)
    t.strictSame(keys(await store.list('a', 'c', 100)), ['a', 'a/10', 'a/2', 'a0', 'b'])
    t.strictSame(keys(await store.list('a/', 'a0', 100)), ['a/10', 'a/2'])
    t.strictSame(keys(await store.list('a\0', 'a/10\0', 100)), ['a/10'])
    t.strictSame(keys(await store.list('A', 'a', 100)), ['B'])
    t.strictSame(await store.list('x', 'z', 100), [])
  },

  'list() has nothing between equal or crossed bounds': async (t, { store }) => {
    await put(store, 'b', '1')
    t.strictSame(await store.list('b', 'b', 100), [])
    t.strictSame(await store.list('c', 'a', 100), [])
  },

  'list() stops at its limit, and a limit without end is none': async (t, { store }) => {
    for (const key of ['a', 'b', 'c']) await put(store, key, key)
    t.strictSame(keys(await store.list('a', 'z', 2)), ['a', 'b'])
    t.strictSame(keys(await store.list('a', 'z', 3)), ['a', 'b', 'c'])
    t.strictSame(keys(await store.list('a', 'z', Number.MAX_SAFE_INTEGER)), ['a', 'b', 'c'])
  },

  'list() shows each entry as get() does': async (t, { store }) => {
    await put(store, 'a', 'one')
    t.strictSame(await store.list('a', 'b', 1), [await store.get('a')])
  },

  'commit() writes all of its puts and deletes, under one revision': async (t, { store }) => {
    await put(store, 'old', '1')
    const result = await store.commit({
      require: [],
      write: [{ put: 'a', value: '2' }, { put: 'b', value: '3' }, { delete: 'old' }],
    })
    const revision = won(t, result)
    t.strictSame(await store.list('a', 'z', 9), [
      { key: 'a', value: '2', revision },
      { key: 'b', value: '3', revision },
    ])
  },

  'commit() writes nothing at all when one of several conditions fails': async (t, { store }) => {
    const revision = await put(store, 'a', '1')
    const result = await store.commit({
      require: [
        { key: 'a', is: 'at', revision },
        { key: 'b', is: 'absent' },
        { key: 'c', is: 'at', revision },
      ],
      write: [{ put: 'b', value: '2' }, { delete: 'a' }],
    })
    t.match(result, { committed: false })
    t.strictSame(await store.list('', 'z', 9), [{ key: 'a', value: '1', revision }])
  },

  'a lost commit carries the current entries of the keys it required, and no others': async (
    t,
    { store },
  ) => {
    await put(store, 'a', '1')
    await put(store, 'b', '2')
    await put(store, 'other', '3')
    const result = await store.commit({
      require: ['a', 'b', 'c'].map(key => ({ key, is: 'absent' })),
      write: [{ put: 'other', value: '4' }],
    })
    t.strictSame(result, {
      committed: false,
      current: new Map([
        ['a', await store.get('a')],
        ['b', await store.get('b')],
      ]),
    })
  },

  '"absent" holds for a key that is not there, or not any more': async (t, { store }) => {
    won(t, await swap(store, 'a', undefined, '1'))
    lost(t, await swap(store, 'a', undefined, '2'))
    await remove(store, 'a')
    won(t, await swap(store, 'a', undefined, '3'))
    t.match(await store.get('a'), { value: '3' })
  },

  '"at" holds for that revision alone': async (t, { store }) => {
    const first = await put(store, 'a', '1')
    const second = won(t, await swap(store, 'a', first, '2'))
    const loss = lost(t, await swap(store, 'a', first, '3'))
    t.strictSame(loss.get('a'), { key: 'a', value: '2', revision: second })
    await remove(store, 'a')
    t.equal(lost(t, await swap(store, 'a', second, '4')).size, 0, 'nothing stands there')
  },

  'a key that was deleted and made again with the same value is not what was read': async (
    t,
    { store },
  ) => {
    const read = await put(store, 'a', 'same')
    await remove(store, 'a')
    const again = await put(store, 'a', 'same')
    t.not(again, read)
    lost(t, await swap(store, 'a', read, 'stolen'))
    t.match(await store.get('a'), { value: 'same' })
  },

  'a put of the same value is a new revision': async (t, { store }) => {
    t.not(await put(store, 'a', '1'), await put(store, 'a', '1'))
  },

  'a key that only a condition names keeps its revision': async (t, { store }) => {
    const revision = await put(store, 'fence', '1')
    for (const key of ['a', 'b']) {
      won(
        t,
        await store.commit({
          require: [{ key: 'fence', is: 'at', revision }],
          write: [{ put: key, value: '' }],
        }),
      )
    }
    t.match(await store.get('fence'), { revision })
  },

  'a delete of a key that is not there commits': async (t, { store }) => {
    won(t, await store.commit({ require: [], write: [{ delete: 'a' }] }))
    t.equal(await store.get('a'), undefined)
  },

  'a commit that writes nothing still tells whether its conditions hold': async (t, { store }) => {
    const revision = await put(store, 'a', '1')
    won(t, await store.commit({ require: [{ key: 'a', is: 'at', revision }], write: [] }))
    lost(t, await store.commit({ require: [{ key: 'a', is: 'absent' }], write: [] }))
    t.match(await store.get('a'), { revision })
  },

  'state and revisions are there after the store was opened anew': async (t, world) => {
    const revision = await put(world.store, 'a', '1')
    const store = await world.reopen()
    t.strictSame(await store.list('', 'z', 9), [{ key: 'a', value: '1', revision }])
    won(t, await swap(store, 'a', revision, '2'))
  },

  'the history has a name, which stays when the store is opened anew': async (t, world) => {
    const history = await world.store.history()
    t.match(history, /^[\w-]+$/)
    const store = await world.reopen()
    t.equal(await store.history(), history)
  },

  'no revision of a key comes twice: not after a delete, not after opening anew': async (
    t,
    world,
  ) => {
    const seen: Revision[] = []
    let { store } = world
    const write = async (times: number) => {
      for (let i = 0; i < times; i++) {
        // Three commits a turn: with two, one that goes on too early would still miss those given before.
        seen.push(await put(store, 'a', 'same'), await put(store, 'a', 'same'))
        await remove(store, 'a')
      }
    }
    await write(12)
    store = await world.reopen()
    await write(3)
    t.equal(new Set(seen).size, 30)
  },

  'of fifty commits at once that want one key, exactly one wins': async (t, world) => {
    const stores = await instances(world)
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, i) => swap(at(stores, i), 'a', undefined, String(i))),
    )
    const winners = results.flatMap(({ committed }, i) => (committed ? [String(i)] : []))
    t.equal(winners.length, 1)
    const entry = await world.store.get('a')
    t.equal(entry?.value, winners[0])
    for (const result of results) {
      if (!result.committed) t.strictSame(result.current.get('a'), entry, 'it is told who won')
    }
  },

  'twenty writers that each count up one number lose no step': async (t, world) => {
    const stores = await instances(world)
    const countUp = async (store: Store) => {
      for (let done = 0; done < 5;) {
        const read = await store.get('n')
        const next = String(Number(read?.value ?? 0) + 1)
        if ((await swap(store, 'n', read?.revision, next)).committed) done += 1
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, i) => countUp(at(stores, i))))
    t.match(await world.store.get('n'), { value: '100' })
  },

  'a chain of commits, each requiring the one before, goes beside others': async (t, world) => {
    const stores = await instances(world)
    const chain = async (store: Store, key: string) => {
      let revision: Revision | undefined
      for (let i = 0; i < 10; i++) revision = won(t, await swap(store, key, revision, String(i)))
    }
    await Promise.all(Array.from({ length: 8 }, (_, i) => chain(at(stores, i), `chain${i}`)))
    const entries = await world.store.list('chain', 'chain~', 99)
    t.strictSame(
      entries.map(({ value }) => value),
      Array(8).fill('9'),
    )
  },

  'a transaction is never seen half done': async (t, world) => {
    const [writer, reader] = await instances(world)
    const pair = (value: string) => [
      { put: 'p1', value },
      { put: 'p2', value },
    ]
    await writer.commit({ require: [], write: pair('0') })
    let writing = true
    const reading = (async () => {
      for (let reads = 0; writing || reads === 0; reads++) {
        const entries = await (reader ?? writer).list('p', 'q', 9)
        t.equal(new Set(entries.map(({ value }) => value)).size, 1)
      }
    })()
    for (let i = 1; i <= 20; i++) await writer.commit({ require: [], write: pair(String(i)) })
    writing = false
    await reading
  },
}

async function instances({ store, another }: World): Promise<[Store, ...Store[]]> {
  return another ? [store, await another()] : [store]
}

const at = ([first, ...rest]: readonly [Store, ...Store[]], i: number): Store =>
  [first, ...rest][i % (rest.length + 1)] ?? first

async function put(store: Store, key: string, value: string): Promise<Revision> {
  const result = await store.commit({ require: [], write: [{ put: key, value }] })
  if (!result.committed) throw new Error(`A commit without conditions was lost at ${key}`)
  return result.revision
}

async function remove(store: Store, key: string): Promise<void> {
  await store.commit({ require: [], write: [{ delete: key }] })
}

/** Puts `key` if it is still at `revision`; undefined: if it is absent. */
async function swap(
  store: Store,
  key: string,
  revision: Revision | undefined,
  value: string,
): Promise<CommitResult> {
  const condition = revision
    ? ({ key, is: 'at', revision } as const)
    : ({ key, is: 'absent' } as const)
  return await store.commit({ require: [condition], write: [{ put: key, value }] })
}

function won(t: Test, result: CommitResult): Revision {
  t.ok(result.committed, 'committed')
  if (!result.committed) throw new Error('The commit was lost')
  return result.revision
}

function lost(t: Test, result: CommitResult): ReadonlyMap<string, Entry> {
  t.notOk(result.committed, 'not committed')
  return result.committed ? new Map() : result.current
}

const keys = (entries: readonly Entry[]): string[] => entries.map(({ key }) => key)
