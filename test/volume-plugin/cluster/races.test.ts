import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { KeyedQueue } from '../../../shared/keyed-queue.ts'
import { Refusal } from '../../../shared/refusal.ts'
import { endOf, isOutage } from '../../../shared/store.ts'
import { VOLUMES, volumeKey } from '../../../volume-plugin/cluster/cluster-keys.ts'
import { readVolume } from '../../../volume-plugin/cluster/cluster-records.ts'
import { overlap } from '../../../volume-plugin/cluster/place.ts'
import { join, leave } from '../../../volume-plugin/cluster/volume-changes.ts'
import type { VolumeRecord } from '../../../volume-plugin/cluster/volume-record.ts'
import { Random } from '../../history/random.ts'
import { MemoryStore } from '../../simulation/memory-store.ts'
import { hosts, registeredHost, someUser, someVolume } from './hosts-world.ts'
import type { Fate, TestHost } from './hosts-world.ts'

const SEED = Number(process.env['SEED'] ?? 20_261_121)
const CLUSTER_ID = 'c'.repeat(32)

const at = (path: string): Pick<VolumeRecord, 'options'> => ({
  options: { ...someVolume('any').options, path: path.split('/') },
})

await t.test('fifty hosts that mount one shared volume at once all get through', async t => {
  const shared = new MemoryStore()
  const volume = someVolume('data')
  const ids = Array.from({ length: 50 }, (_, i) => `h${i}`)
  const all = await Promise.all(ids.map(async id => await registeredHost(shared, id)))
  await all[0]?.catalogue.change(volume.name, () => ({ do: 'put', record: volume }))
  for (const { way } of all) way.legMs = 4
  const started = performance.now()
  await Promise.all(all.map(async host => await take(host, volume)))
  const took = performance.now() - started
  const found = await all[0]?.catalogue.find(volume.name)
  t.strictSame(Object.keys(found?.users ?? {}).toSorted(), ids.toSorted())
  t.ok(took < 8000, `took ${took.toFixed()} ms`)
})

await t.test('of an exclusive volume one host is the user, whatever is lost or late', async t => {
  const random = new Random(SEED)
  const { shared, all, volume } = await exclusive()
  const most = watchUsers(shared, volume)
  for (const [index, { way }] of all.entries()) faulty(way, random.fork(index))
  const done = { taken: 0, refused: 0, unknown: 0 }
  const lanes = new KeyedQueue()
  const attempt = async (host: TestHost, op: string): Promise<void> => {
    try {
      await take(host, volume, op)
      done.taken += 1
    } catch (error) {
      if (error instanceof Refusal) return void (done.refused += 1)
      if (!isOutage(error)) throw error
      done.unknown += 1
    }
    await letGo(host, volume, op)
  }
  await Promise.all(
    all.flatMap(host => {
      const { id } = host.registration.host
      return Array.from({ length: 200 }, async (_, i) => {
        await lanes.run(id, async () => await attempt(host, `${id}-${i}`))
      })
    }),
  )
  for (const { way } of all) way.arrive()
  t.equal(most(), 1)
  t.strictSame(readVolume(shared.get(volumeKey(volume.name)))?.users, {}, 'all were let go')
  t.ok(done.taken > 50 && done.refused > 50 && done.unknown > 0, JSON.stringify({ ...done, SEED }))
})

await t.test('a holder that answered is the holder, until it lets go', async t => {
  const { all, volume } = await exclusive()
  let holder: TestHost | undefined
  for (const { way } of all) way.legMs = 1
  await Promise.all(
    all.map(async host => {
      for (let i = 0; i < 60; i++) {
        const op = `${host.registration.host.id}-${i}`
        const took = await take(host, volume, op).then(
          () => true,
          error => {
            if (error instanceof Refusal && error.code === 'held-elsewhere') return false
            throw error
          },
        )
        if (!took) continue
        t.equal(holder, undefined, 'nobody else believes to have it')
        holder = host
        await sleep(1)
        holder = undefined
        await release(host, volume, op)
      }
    }),
  )
})

await t.test('volumes at places that overlap are never both made', async t => {
  const random = new Random(SEED)
  const places = ['p', 'p/q', 'p/q/r', 'x', 'p/z']
  let made = 0
  for (let round = 0; round < 60; round++) {
    const { shared, a, b } = await hosts()
    await a.catalogue.initCluster(CLUSTER_ID as Parameters<typeof a.catalogue.initCluster>[0])
    for (const { way } of [a, b]) way.legMs = 1
    shared.watch = () => requireApart(t, shared)
    const orders = [a, b, a, b, a, b].map((host, i) => ({
      host,
      record: someVolume(`v${i}`, at(random.pick(places))),
    }))
    await Promise.all(
      orders.map(async ({ host: { catalogue }, record }) => {
        try {
          await catalogue.change(record.name, () => ({ do: 'put', record }))
          made += 1
          if (random.chance(0.5)) await catalogue.change(record.name, () => ({ do: 'delete' }))
        } catch (error) {
          t.match(error, { code: 'volume-exists' })
        }
      }),
    )
  }
  t.ok(made > 100, `${made} volumes were made`)
})

await t.test('a place is refused while another volume has it', async t => {
  const { a, b } = await hosts()
  const [outer, inner] = [someVolume('outer', at('p')), someVolume('inner', at('p/q'))]
  const put = async (host: TestHost, record: VolumeRecord) =>
    await host.catalogue.change(record.name, () => ({ do: 'put', record }))
  await t.rejects(put(a, outer), { code: 'not-ready', message: /berth cluster init/ })
  await a.catalogue.initCluster(CLUSTER_ID as Parameters<typeof a.catalogue.initCluster>[0])
  await put(a, outer)
  await t.rejects(put(b, inner), {
    code: 'volume-exists',
    message:
      /^The folder p\/q cannot be a volume: p is the one of volume outer, .* remove that volume$/,
  })
  t.match(await put(a, someVolume('else', at('pq'))), { name: 'else' })
  await a.catalogue.change(outer.name, () => ({ do: 'delete' }))
  await put(b, inner)
  t.match(await put(b, { ...inner, state: 'making' }), { state: 'making' }, 'it is its own place')
  const moved = someVolume('inner', at('p'))
  t.strictSame(await put(b, moved), moved, 'one that was never ready may be replaced')
  await t.rejects(put(b, someVolume('inner', at('pq/r'))), {
    message: /pq is the one of volume else/,
  })
  t.strictSame(await b.catalogue.find(moved.name), moved)
})

async function take(host: TestHost, { name }: VolumeRecord, op = 'op'): Promise<void> {
  const { id } = host.registration.host
  await host.catalogue.change(name, found => join(found, name, id, someUser(id, op)))
}

async function release(host: TestHost, { name }: VolumeRecord, op: string): Promise<void> {
  await host.catalogue.change(name, found => leave(found, host.registration.host.id, op))
}

/** However often it takes. */
async function letGo(host: TestHost, volume: VolumeRecord, op: string): Promise<void> {
  for (;;) {
    try {
      return await release(host, volume, op)
    } catch (error) {
      if (!isOutage(error)) throw error
    }
  }
}

async function exclusive() {
  const shared = new MemoryStore()
  const all = await Promise.all(['a', 'b', 'c'].map(async id => await registeredHost(shared, id)))
  const volume = someVolume('data', {
    options: { ...someVolume('any').options, access: 'exclusive' },
  })
  await all[0]?.catalogue.change(volume.name, () => ({ do: 'put', record: volume }))
  return { shared, all, volume }
}

/** @returns how many users the volume had at most, at any revision */
function watchUsers(shared: MemoryStore, { name }: VolumeRecord): () => number {
  let most = 0
  shared.watch = (key, _before, after) => {
    if (key !== volumeKey(name) || !after) return
    most = Math.max(most, Object.keys(readVolume(after).users).length)
  }
  return () => most
}

function faulty(way: TestHost['way'], random: Random): void {
  way.legMs = 3
  way.fate = () => {
    const fate: Fate = random.chance(0.8)
      ? 'done'
      : random.pick(['lost', 'late', 'never', 'refused'])
    if (fate === 'late') setTimeout(() => way.arrive(), random.next() * 400)
    return fate
  }
}

function requireApart(t: Test, shared: MemoryStore): void {
  const volumes = shared.list(VOLUMES, endOf(VOLUMES), 100).map(entry => readVolume(entry))
  for (const one of volumes) {
    for (const other of volumes) {
      const [a, b] = [one.options.path ?? [], other.options.path ?? []]
      if (one.id !== other.id && overlap(a, b)) t.fail(`${a.join('/')}, ${b.join('/')}: ${SEED}`)
    }
  }
}
