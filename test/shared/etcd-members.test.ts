import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { commitFirmly } from '../../shared/commit-firmly.ts'
import { OutcomeUnknown, StoreUnavailable } from '../../shared/store.ts'
import type { CommitResult } from '../../shared/store.ts'
import { Etcd } from '../etcd/etcd.ts'
import { REFUSED_WITHIN_MS, claim, failure, open, until, works } from './etcd-world.ts'

t.setTimeout(120_000)

await t.test('a member that is killed or frozen is left for another', async t => {
  const etcd = await Etcd.start(t, { members: 3 })
  const [first, second, third] = [etcd.member(0), etcd.member(1), etcd.member(2)]
  const store = open(t, [first.url, second.url, third.url])
  await claim(store, 'a')
  const leader = await etcd.leader()
  const followers = etcd.members.filter(member => member !== leader)

  for (const [i, follower] of followers.entries()) {
    const using = open(t, [follower.url, leader.url], { prefix: '/x' })
    await using.get('a')
    if (i === 0) await etcd.kill(follower)
    else etcd.freeze(follower)
    const begin = performance.now()
    t.equal(await using.get('a'), undefined)
    t.ok(performance.now() - begin < REFUSED_WITHIN_MS)
    if (i === 0) await etcd.startMember(follower)
    else etcd.thaw(follower)
  }
})

await t.test('a leader killed amid commits: each that was told is true, none is lost', async t => {
  const etcd = await Etcd.start(t, { members: 3 })
  const prefix = `/${crypto.randomUUID()}`
  const told = { committed: new Set<string>(), lost: new Set<string>(), unknown: new Set<string>() }
  let going = true
  const work = async (name: string, endpoints: readonly string[]) => {
    const store = open(t, endpoints, { prefix })
    for (let i = 0; going; i++) {
      const key = `${name}-${i}`
      const result = await claim(store, key).catch((error: unknown) => error)
      if (result instanceof OutcomeUnknown) told.unknown.add(key)
      else if (result instanceof StoreUnavailable) told.lost.add(key)
      else if ((result as CommitResult).committed) told.committed.add(key)
      else throw new Error(`The commit of ${key}, which nobody else writes, was lost`)
      if (result instanceof Error) await sleep(10)
    }
  }
  const [a = '', b = '', c = ''] = etcd.urls
  const orders = [
    [a, b, c],
    [b, c, a],
    [c, a, b],
  ]
  const working = orders.flatMap((urls, i) => [work(`p${i}`, urls), work(`q${i}`, urls)])
  await until(async () => told.committed.size > 100)
  const killed = await etcd.leader()
  await etcd.kill(killed)
  const before = told.committed.size
  await until(async () => told.committed.size > before + 200)
  going = false
  await Promise.all(working)
  await etcd.startMember(killed)

  const entries = await open(t, etcd.urls, { prefix }).list('', '~', Number.MAX_SAFE_INTEGER)
  const written = new Set(entries.map(({ key }) => key))
  t.strictSame(
    [...told.committed].filter(key => !written.has(key)),
    [],
    'committed, and not there',
  )
  t.strictSame(
    [...told.lost].filter(key => written.has(key)),
    [],
    'not written, and there',
  )
  t.comment(`${told.committed.size} committed, ${told.lost.size} not, ${told.unknown.size} unknown`)
})

await t.test('repeated until it is known, a commit survives the loss of the leader', async t => {
  const etcd = await Etcd.start(t, { members: 3 })
  const store = open(t, etcd.urls)
  await store.get('a')
  const leader = await etcd.leader()
  etcd.freeze(leader)
  const write = [{ put: 'a', value: 'mine' }]
  const transaction = { require: [{ key: 'a', is: 'absent' } as const], write }
  await until(async () => {
    const committed = commitFirmly(store, transaction, now => now.get('a')?.value === 'mine', 5000)
    return (await committed.catch(() => undefined))?.committed === true
  })
  t.match(await store.get('a'), { value: 'mine' })
  etcd.thaw(leader)
})

await t.test('without a majority calls are refused at once, until there is one again', async t => {
  const etcd = await Etcd.start(t, { members: 3 })
  const store = open(t, etcd.urls)
  await claim(store, 'a')
  await Promise.all([etcd.kill(etcd.member(1)), etcd.kill(etcd.member(2))])
  await until(async () => {
    const { error, ms } = await failure(claim(store, 'b'))
    t.ok(ms < REFUSED_WITHIN_MS, `${ms} ms`)
    return error instanceof StoreUnavailable && error.message.includes('no leader')
  })
  await until(async () => (await failure(claim(store, 'b'))).ms < 100)
  await etcd.startAll()
  await until(async () => await works(store))
  t.match(await store.get('a'), { value: 'mine' })
})

await t.test('a full etcd is told, and is not taken for one that is gone', async t => {
  const etcd = await Etcd.start(t, { args: ['--quota-backend-bytes=1000000'] })
  const store = open(t, etcd.urls)
  const told = new Set<string>()
  for (let i = 0; i < 100 && told.size === 0; i++) {
    const { error } = await failure(
      claim(store, `k${i}`, 'x'.repeat(50_000)).then(() => Promise.reject(new Error('went well'))),
    )
    if (error instanceof OutcomeUnknown) told.add(error.message)
    else t.match(error, { message: 'went well' })
  }
  t.match([...told], [/database space exceeded; compact and defragment etcd/])
  t.match(await store.get('k0'), { key: 'k0' }, 'it can still be read')
})

await t.test('a restored etcd with another token is another history', async t => {
  const etcd = await Etcd.start(t)
  const store = open(t, etcd.urls)
  const history = await store.history()
  await claim(store, 'a')
  const snapshot = await etcd.saveSnapshot()
  await etcd.restore(snapshot, 'same')
  await until(async () => await works(store))
  t.equal(await store.history(), history, 'the same token keeps it')

  await etcd.restore(snapshot, 'new')
  const told = /etcd is another cluster now: [\da-f]+ instead of [\da-f]+/
  await until(async () => told.test(String((await failure(store.get('a'))).error)))
  const [read, commit] = [await failure(store.get('a')), await failure(claim(store, 'b'))]
  t.ok(read.error instanceof StoreUnavailable)
  t.ok(commit.error instanceof OutcomeUnknown)
  t.match(commit.error, { message: told })
  const other = await store.history()
  t.not(other, history)
  t.match(await failure(store.get('a')), { error: { message: told } }, 'asking changes nothing')
  store.follow(other)
  t.match(await store.get('a'), { value: 'mine' }, 'whoever follows it knows')
})
