import t from 'tap'
import { Catalogue } from '../../../volume-plugin/cluster/catalogue.ts'
import { Registration } from '../../../volume-plugin/cluster/registration.ts'
import { parkedKey, volumeHostKey, volumeKey } from '../../../volume-plugin/cluster/cluster-keys.ts'
import { readHost, write } from '../../../volume-plugin/cluster/cluster-records.ts'
import type { Change, VolumeRecord } from '../../../volume-plugin/cluster/volume-record.ts'
import { openStore } from '../../shared/open-store.ts'
import { hosts, NoteBook, parkedOf, someUser, someVolume } from './hosts-world.ts'
import type { Fate } from './hosts-world.ts'

const keep = (record: VolumeRecord) => (): Change => ({ do: 'put', record })

const { since: SINCE } = someUser('a')

await t.test('a volume is made, found on every host, parked, restored and destroyed', async t => {
  const { a, b } = await hosts()
  const made = someVolume('data')
  t.equal(await a.catalogue.find(made.name), undefined)
  t.strictSame(await a.catalogue.change(made.name, keep(made)), made)
  t.strictSame(await b.catalogue.find(made.name), made)
  t.strictSame((await b.catalogue.list()).volumes, [made])

  const parked = parkedOf(made)
  t.equal(await b.catalogue.change(made.name, () => ({ do: 'park', parked })), undefined)
  t.strictSame((await a.catalogue.list()).volumes, [])
  t.strictSame(await a.catalogue.listParked(), [parked])

  const record = { ...made, state: 'restoring' } as const
  t.equal(await a.catalogue.changeParked(made.id, () => ({ do: 'restore', record })), undefined)
  t.strictSame((await b.catalogue.list()).volumes, [record])
  t.strictSame(await b.catalogue.listParked(), [])

  await a.catalogue.change(made.name, () => ({ do: 'park', parked }))
  const destroying = { ...parked, state: 'destroying' } as const
  const put = { do: 'put', parked: destroying } as const
  t.strictSame(await b.catalogue.changeParked(made.id, () => put), destroying)
  t.equal(await b.catalogue.changeParked(made.id, () => ({ do: 'delete' })), undefined)
  t.strictSame(await a.catalogue.listParked(), [])
})

await t.test('where nothing is to be done nothing is sent', async t => {
  const { a } = await hosts()
  const made = someVolume('data')
  await a.catalogue.change(made.name, keep(made))
  const before = a.way.sent.length
  t.strictSame(await a.catalogue.change(made.name, () => ({ do: 'nothing' })), made)
  t.equal(await a.catalogue.change(someVolume('none').name, () => ({ do: 'delete' })), undefined)
  t.equal(await a.catalogue.changeParked(made.id, () => ({ do: 'delete' })), undefined)
  t.equal(a.way.sent.length, before)
})

await t.test('a volume is not restored over another of its name', async t => {
  const { a } = await hosts()
  const [removed, other] = [someVolume('data'), someVolume('data')]
  await a.catalogue.change(removed.name, keep(removed))
  await a.catalogue.change(removed.name, () => ({ do: 'park', parked: parkedOf(removed) }))
  await a.catalogue.change(other.name, keep(other))
  await t.rejects(
    a.catalogue.changeParked(removed.id, () => ({ do: 'restore', record: removed })),
    {
      code: 'volume-exists',
      message: /The name data is another volume's by now, made by host rack a/,
    },
  )
  t.strictSame(await a.catalogue.find(other.name), other)
})

await t.test('whatever becomes of the answer, a change is made once', async t => {
  for (const fate of ['lost', 'never', 'late'] as const) {
    const { shared, a } = await hosts()
    const made = someVolume('data')
    const parked = parkedOf(made)
    const doomed = async <T>(fates: Fate[], change: () => Promise<T>): Promise<T> => {
      a.way.fates = fates
      const result = await change()
      t.equal(a.way.arrive(), 0, `${fate}: nothing comes late`)
      return result
    }
    const { catalogue } = a
    const created = await doomed([fate], () => catalogue.change(made.name, keep(made)))
    t.strictSame(created, made)
    t.ok(shared.get(volumeKey(made.name)))
    // Decided from what is there: an answer that was lost must not look as if another host had been first.
    await doomed([fate], () =>
      catalogue.change(made.name, found => {
        if (!found) throw new Error('It is removed already')
        return { do: 'park', parked }
      }),
    )
    t.equal(shared.get(volumeKey(made.name)), undefined)
    t.ok(shared.get(parkedKey(made.id)))
    await doomed([fate], () =>
      catalogue.changeParked(made.id, found => {
        if (!found) throw new Error('It is not parked any more')
        return { do: 'restore', record: found.volume }
      }),
    )
    t.strictSame(await catalogue.find(made.name), made)
    await doomed([fate], () => catalogue.change(made.name, () => ({ do: 'delete' })))
    t.equal(shared.get(volumeKey(made.name)), undefined)
  }
})

await t.test(
  'what is of unknown outcome is told in time, and never commits behind a later change',
  async t => {
    const { a } = await hosts()
    const [late, next] = [someVolume('late'), someVolume('next')]
    a.way.fate = () => 'late'
    const started = performance.now()
    await t.rejects(a.catalogue.change(late.name, keep(late)), { name: 'OutcomeUnknown' })
    t.ok(performance.now() - started < 2000)
    a.way.fate = () => 'done'
    await a.catalogue.change(next.name, keep(next))
    t.equal(a.way.arrive(), 0)
    t.equal(await a.catalogue.find(late.name), undefined)
  },
)

await t.test('what was sent twice does not come back once another host has removed it', async t => {
  const { a, b } = await hosts()
  const made = someVolume('data')
  a.way.fates = ['late', 'done']
  await a.catalogue.change(made.name, keep(made))
  await b.catalogue.change(made.name, () => ({ do: 'delete' }))
  t.equal(a.way.arrive(), 0)
  t.equal(await b.catalogue.find(made.name), undefined)
})

await t.test('a store that is away is told at once, and nothing was written', async t => {
  const { a } = await hosts()
  const made = someVolume('data')
  a.way.fates = ['refused']
  await t.rejects(a.catalogue.change(made.name, keep(made)), { name: 'StoreUnavailable' })
  t.equal(await a.catalogue.find(made.name), undefined)
  a.way.isAway = true
  await t.rejects(a.catalogue.change(made.name, keep(made)), { name: 'StoreUnavailable' })
  await t.rejects(a.catalogue.find(made.name), { name: 'StoreUnavailable' })
})

await t.test('away after an unknown outcome stays unknown', async t => {
  const { a, b } = await hosts()
  const made = someVolume('data')
  // The second attempt is lost to another host, and the fence before the third cannot be set.
  a.way.fates = ['late', 'done', 'refused']
  const change = a.catalogue.change(made.name, keep(made))
  await b.catalogue.change(made.name, keep(someVolume('data')))
  await t.rejects(change, { name: 'OutcomeUnknown' })
})

await t.test('a host from which a volume was taken goes on with others at once', async t => {
  const { a, b } = await hosts()
  const [held, made] = [someVolume('held', { users: { a: someUser('a') } }), someVolume('data')]
  await a.catalogue.change(held.name, keep(held))
  a.way.fates = ['lost']
  const change = a.catalogue.change(made.name, keep(made))
  const broken = { host: 'a', name: 'rack a', at: '2026-11-21T16:00:00.000Z' }
  await b.catalogue.takeFrom(held.name, 'a', broken, SINCE)
  // By now it is as another host made it: that is decided upon anew.
  await b.catalogue.change(made.name, found => keep({ ...(found ?? made), createdBy: 'b' })())
  t.match(await change, { createdBy: made.createdBy })
  t.equal(a.registration.generation, 2)
})

await t.test('what another host made meanwhile is decided upon anew', async t => {
  const { a, b } = await hosts()
  const made = someVolume('data')
  await a.catalogue.change(made.name, keep(made))
  const seen: number[] = []
  const join = (id: string) => (found: VolumeRecord | undefined) => {
    if (!found) throw new Error('There is no volume')
    seen.push(Object.keys(found.users).length)
    return {
      do: 'put',
      record: { ...found, users: { ...found.users, [id]: someUser(id) } },
    } as const
  }
  const [one, two] = await Promise.all([
    a.catalogue.change(made.name, join('a')),
    b.catalogue.change(made.name, join('b')),
  ])
  t.strictSame(Object.keys((await a.catalogue.find(made.name))?.users ?? {}).toSorted(), ['a', 'b'])
  t.ok(Object.keys(one?.users ?? {}).length + Object.keys(two?.users ?? {}).length === 3)
  t.equal(seen.length, 3)
})

await t.test('whoever waits no more does not try again', async t => {
  const { shared, a } = await hosts()
  const made = someVolume('data')
  await a.catalogue.change(made.name, keep(made))
  const gone = new AbortController()
  const change = a.catalogue.change(
    made.name,
    () => {
      const value = write({ ...made, createdBy: 'b' })
      shared.commit({ require: [], write: [{ put: volumeKey(made.name), value }] })
      gone.abort(new Error('The caller is gone'))
      return { do: 'put', record: { ...made, createdBy: 'a' } }
    },
    gone.signal,
  )
  await t.rejects(change, { message: 'The caller is gone' })
  t.match(await a.catalogue.find(made.name), { createdBy: 'b' })
})

await t.test(
  'a volume that is taken from a host is not taken back by what it sent before',
  async t => {
    const { shared, a, b } = await hosts()
    const held = someVolume('data', { users: { a: someUser('a') } })
    const other = someVolume('other')
    await a.catalogue.change(held.name, keep(held))
    await a.catalogue.change(other.name, keep(other))
    a.way.fate = () => 'late'
    const mine = keep({ ...other, users: { a: someUser('a') } })
    await t.rejects(a.catalogue.change(other.name, mine), { name: 'OutcomeUnknown' })
    a.way.fate = () => 'done'

    const broken = { host: 'a', name: 'rack a', at: '2026-11-21T16:00:00.000Z' }
    t.strictSame(await b.catalogue.takeFrom(held.name, 'a', broken, SINCE), {
      ...held,
      users: {},
      broken,
    })
    t.strictSame(await b.catalogue.find(held.name), { ...held, users: {}, broken })
    t.equal(a.way.arrive(), 0)
    t.strictSame(await b.catalogue.find(other.name), other)

    const again = a.catalogue.change(held.name, keep(held))
    await t.rejects(again, {
      code: 'not-ready',
      message: /was taken from host rack a .* try again/,
    })
    t.notOk(a.registration.isRegistered)
    await a.registration.register()
    t.equal(a.registration.generation, 2)
    t.match(await a.catalogue.change(held.name, keep(held)), { users: { a: {} } })
    t.match(readHost(shared.get(volumeHostKey('b'))), { generation: 1 })
  },
)

await t.test(
  'it is taken from the own host too, and from one that the store knows no more',
  async t => {
    const { a } = await hosts()
    const held = someVolume('data', { users: { a: someUser('a'), gone: someUser('gone') } })
    await a.catalogue.change(held.name, keep(held))
    const at = '2026-11-21T16:00:00.000Z'
    await a.catalogue.takeFrom(held.name, 'gone', { host: 'gone', name: 'rack gone', at }, SINCE)
    await a.catalogue.takeFrom(held.name, 'a', { host: 'a', name: 'rack a', at }, SINCE)
    t.equal(await a.registration.refresh(), 'raised')
    t.match(await a.catalogue.find(held.name), { users: {}, broken: { host: 'a' } })
  },
)

await t.test('taking it is done once, whatever becomes of the answer', async t => {
  for (const fate of ['lost', 'late', 'never'] as const) {
    const { a, b } = await hosts()
    const held = someVolume('data', { users: { a: someUser('a') } })
    await a.catalogue.change(held.name, keep(held))
    b.way.fates = [fate]
    const broken = { host: 'a', name: 'rack a', at: '2026-11-21T16:00:00.000Z' }
    t.match(await b.catalogue.takeFrom(held.name, 'a', broken, SINCE), { users: {} })
    const other = someVolume('other')
    t.strictSame(await a.catalogue.change(other.name, keep(other)), other)
    t.equal(a.registration.generation, 2, fate)
    const again = { ...broken, at: '2026-11-21T17:00:00.000Z' }
    await t.rejects(b.catalogue.takeFrom(held.name, 'a', again, SINCE), { code: 'unknown-host' })
    t.match(
      await b.catalogue.takeFrom(held.name, 'a', broken, SINCE),
      { users: {} },
      'the same one',
    )
    await t.rejects(b.catalogue.takeFrom(someVolume('none').name, 'a', broken, SINCE), {
      code: 'unknown-volume',
    })
  }
})

await t.test('what the host has taken anew since is not taken from it', async t => {
  const { a, b } = await hosts()
  const held = someVolume('data', { users: { a: someUser('a') } })
  await a.catalogue.change(held.name, keep(held))
  const broken = { host: 'a', name: 'rack a', at: '2026-11-21T16:00:00.000Z' }
  const earlier = '2026-11-21T14:00:00.000Z'
  await t.rejects(b.catalogue.takeFrom(held.name, 'a', broken, earlier), {
    message: /has the volume data since 2026-11-21T15:00:00.000Z by now/,
  })
  t.strictSame(await b.catalogue.find(held.name), held)
})

await t.test('one host alone keeps its volumes by itself', async t => {
  const store = await openStore(t)
  const book = new NoteBook()
  const made = someVolume('data')
  const start = async () => {
    const host = { id: 'a', name: 'rack a', boot: 'boot', machine: { product: '', macs: [] } }
    const registration = await Registration.open(store, book, host, book.notes)
    await registration.register()
    return { registration, catalogue: new Catalogue(store, registration) }
  }
  const before = await start()
  await Promise.all(
    ['a', 'b', 'c'].map(async op => {
      await before.catalogue.change(made.name, found => {
        const record = found ?? made
        return { do: 'put', record: { ...record, users: { ...record.users, [op]: someUser(op) } } }
      })
    }),
  )
  const after = await start()
  t.equal(after.registration.generation, 1)
  t.strictSame(Object.keys((await after.catalogue.find(made.name))?.users ?? {}).toSorted(), [
    'a',
    'b',
    'c',
  ])
  const late = before.catalogue.change(made.name, () => ({ do: 'delete' }))
  await late.catch(() => undefined)
  t.match(
    (await after.catalogue.list()).volumes,
    [{ name: 'data' }],
    'two processes of one host: the later one has it',
  )
})

await t.test('a record of a later version hides no other, and is not taken for none', async t => {
  const { shared, a } = await hosts()
  const [made, gone] = [someVolume('data'), someVolume('gone')]
  await a.catalogue.change(made.name, keep(made))
  await a.catalogue.change(gone.name, keep(gone))
  await a.catalogue.change(gone.name, () => ({ do: 'park', parked: parkedOf(gone) }))
  for (const put of ['v1/volumes/newer', 'v1/parked/newer']) {
    shared.commit({ require: [], write: [{ put, value: '{"of": "a later version"}' }] })
  }
  const told: string[] = []
  const { volumes, unreadable } = await a.catalogue.list(why => told.push(why))
  t.strictSame(volumes, [made])
  t.strictSame(unreadable, ['newer'])
  t.strictSame(await a.catalogue.listParked(why => told.push(why)), [parkedOf(gone)])
  t.match(told, [/^The record v1\/volumes\/newer cannot/, /^The record v1\/parked\/newer cannot/])
  await t.rejects(a.catalogue.find(someVolume('newer').name), { message: /newer cannot be read/ })
})

await t.test('there is one cluster file system, whoever was first', async t => {
  const { a, b } = await hosts()
  type Id = Parameters<typeof a.catalogue.initCluster>[0]
  const [one, two] = ['1'.repeat(32) as Id, '2'.repeat(32) as Id]
  t.equal(await a.catalogue.cluster(), undefined)
  const ids = await Promise.all([a.catalogue.initCluster(one), b.catalogue.initCluster(two)])
  t.equal(ids[0], ids[1])
  t.equal(await b.catalogue.cluster(), ids[0])
  t.equal(await a.catalogue.initCluster(two), ids[0])
})
