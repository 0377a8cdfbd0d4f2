import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { commitFirmly, putFirmly } from '../../shared/commit-firmly.ts'
import { OutcomeUnknown, StoreUnavailable } from '../../shared/store.ts'
import type { CommitResult, Entry, Revision, Store, Transaction } from '../../shared/store.ts'

const committed: CommitResult = { committed: true, revision: '7' as Revision }
const unknown = new OutcomeUnknown('the wire broke')
const unavailable = new StoreUnavailable('the store is away')
const transaction: Transaction = {
  require: [{ key: 'a', is: 'absent' }],
  write: [{ put: 'a', value: 'mine' }],
}
const isMine = (current: ReadonlyMap<string, Entry>) => current.get('a')?.value === 'mine'
/** In so many ms, as deadlines are told. */
const after = (ms: number) => performance.now() + ms
const never = after(60_000)

const lostTo = (value: string): CommitResult => ({
  committed: false,
  current: new Map([['a', { key: 'a', value, revision: '3' as Revision }]]),
})

await t.test('a commit that is won or lost at once is sent once', async t => {
  const winning = scripted(committed)
  t.strictSame(await commitFirmly(winning, transaction, isMine, never), { committed: true })
  t.strictSame(winning.sent, [transaction])

  const losing = scripted(lostTo('theirs'))
  t.match(await commitFirmly(losing, transaction, isMine, never), {
    committed: false,
    doubtful: false,
    current: new Map([['a', { value: 'theirs' }]]),
  })
  t.equal(losing.sent.length, 1)
})

await t.test('after an unknown outcome the very same is sent again', async t => {
  const store = scripted(unknown, unknown, committed)
  t.strictSame(await commitFirmly(store, transaction, isMine, never), { committed: true })
  t.strictSame(store.sent, [transaction, transaction, transaction])
})

await t.test('lost to my own entry is won by the attempt of unknown outcome', async t => {
  const store = scripted(unknown, lostTo('mine'))
  t.strictSame(await commitFirmly(store, transaction, isMine, never), { committed: true })
})

await t.test(
  'lost to another after an unknown outcome is doubtful: mine may still come',
  async t => {
    const store = scripted(unknown, lostTo('theirs'))
    t.match(await commitFirmly(store, transaction, isMine, never), {
      committed: false,
      doubtful: true,
      current: new Map([['a', { value: 'theirs' }]]),
    })
  },
)

await t.test('a store that is away is told at once: nothing was written', async t => {
  const store = scripted(unavailable, committed)
  await t.rejects(commitFirmly(store, transaction, isMine, never), unavailable)
  t.equal(store.sent.length, 1)
})

await t.test(
  'away after an unknown outcome leaves the outcome unknown, and is tried again',
  async t => {
    const store = scripted(unknown, unavailable, committed)
    t.strictSame(await commitFirmly(store, transaction, isMine, never), { committed: true })
    t.equal(store.sent.length, 3)

    const away = scripted(unknown, unavailable)
    await t.rejects(commitFirmly(away, transaction, isMine, after(120)), unknown)
  },
)

await t.test(
  'at the deadline the outcome is said to be unknown, and nothing more is sent',
  async t => {
    const store = scripted(unknown)
    const started = performance.now()
    await t.rejects(commitFirmly(store, transaction, isMine, after(1000)), unknown)
    const took = performance.now() - started
    t.ok(took >= 900 && took < 3000, `took ${took} ms: as long as another attempt could begin`)
    const { length } = store.sent
    t.ok(length >= 2 && length <= 20, `sent ${length} times, not in a hurry`)
    await sleep(120)
    t.equal(store.sent.length, length)
  },
)

await t.test('a deadline that has passed still lets one attempt be made', async t => {
  const store = scripted(committed)
  t.match(await commitFirmly(store, transaction, isMine, after(-1)), { committed: true })
})

await t.test('a put is won where the very same value stands there', async t => {
  const { require } = transaction
  const put = (store: Store) => putFirmly(store, require, { key: 'a', value: 'mine' }, never)
  const winning = scripted(unknown, committed)
  t.equal(await put(winning), true)
  t.strictSame(winning.sent, [transaction, transaction])
  t.equal(await put(scripted(unknown, lostTo('mine'))), true)
  t.equal(await put(scripted(lostTo('theirs'))), false)
})

/** A store whose commits go as written, the last for ever. */
function scripted(...script: (CommitResult | Error)[]): Store & { readonly sent: Transaction[] } {
  const sent: Transaction[] = []
  return {
    sent,
    commit: async one => {
      const next = script[Math.min(sent.length, script.length - 1)]
      sent.push(one)
      if (!next) throw new Error('There is nothing in the script')
      if (next instanceof Error) throw next
      return next
    },
    get: async () => undefined,
    list: async () => [],
    history: async () => 'local',
    follow: () => {},
    close: async () => {},
  }
}
