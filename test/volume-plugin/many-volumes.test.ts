import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from '@badrap/valita'
import { t as file } from 'tap'
import type { Test } from 'tap'
import { LevelDatabase } from '../../shared/level-database.ts'
import type { ClaimId } from '../../volume-plugin/ssd/claim.ts'
import { keyOf } from '../../volume-plugin/ssd/disk.ts'
import { LevelClaimBook } from '../../volume-plugin/ssd/level-claim-book.ts'
import { readSsdOptions } from '../../volume-plugin/ssd/options.ts'
import { Witness } from '../../volume-plugin/ssd/witness.ts'
import { requireVolumeName } from '../../volume-plugin/volume-name.ts'
import { LoopDisk, MIB } from '../disks/loop-disk.ts'
import { canUseDisks } from '../disks/requirements.ts'
import { until } from '../engine/lab/until.ts'
import { pluginFolder, requireOk, VolumePlugin } from './process.ts'

file.setTimeout(300_000)

const FEW = 5
const MANY = 500
const ROUNDS = 1000
const METHODS = ['Capabilities', 'Get', 'List'] as const
const ATTEMPTS = 6

if (canUseDisks()) {
  await file.test('what the engine asks again and again is as fast with many volumes', async t => {
    const sides = [await pluginWith(t, FEW), await pluginWith(t, MANY)]
    for (const { plugin, count } of sides) t.equal((await plugin.names()).length, count)

    await t.test('while nothing else is asked', async t => {
      await isAsFast(t, () => compare(sides, round => round < ROUNDS))
    })

    await t.test('while a volume is made', async t => {
      await isAsFast(t, async () => {
        let making = true
        const made = Promise.all(sides.map(make)).finally(() => (making = false))
        const compared = await compare(sides, () => making)
        await made
        await Promise.all(sides.map(giveBack))
        return compared
      })
    })
  })
}

type Side = { readonly plugin: VolumePlugin; readonly count: number }
/** In milliseconds, of few and of many volumes. */
type Compared = { readonly what: string; readonly few: number; readonly many: number }

/** What is ever as fast is: all that a loaded machine can do is to make it slower. */
async function isAsFast(t: Test, measure: () => Promise<readonly Compared[]>): Promise<void> {
  let slower: readonly string[] | undefined
  for (let attempt = 1; attempt <= ATTEMPTS && slower?.length !== 0; attempt++) {
    const compared = await measure()
    for (const { what, few, many } of compared) {
      t.comment(`${what}: ${few.toFixed(2)} and ${many.toFixed(2)} ms`)
    }
    const now = compared.filter(({ few, many }) => many > 2 * few).map(({ what }) => what)
    slower = now.filter(what => slower?.includes(what) ?? true)
  }
  t.strictSame(slower, [], 'nothing takes more than twice as long')
}

/** Taking turns, so that whatever else the machine does slows down all. */
async function compare(
  sides: readonly Side[],
  goesOn: (round: number) => boolean,
): Promise<readonly Compared[]> {
  const tookMs = new Map(METHODS.map(method => [method, sides.map((): number[] => [])]))
  const turns = [...sides.entries()]
  for (let round = 0; goesOn(round); round++) {
    for (const [method, samples] of tookMs) {
      for (const [index, { plugin, count }] of round % 2 === 0 ? turns : turns.toReversed()) {
        const body = method === 'Get' ? { Name: `volume-${round % count}` } : {}
        const started = performance.now()
        const answer = await plugin.call(method, body)
        samples[index]?.push(performance.now() - started)
        requireOk(answer)
      }
    }
  }
  return Array.from(tookMs).flatMap(([method, samples]) =>
    [50, 99].map(percent => {
      const [few = 0, many = 0] = samples.map(each => percentile(each, percent))
      return { what: `${method} at p${percent}`, few, many }
    }),
  )
}

function percentile(samples: readonly number[], percent: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? 0
}

/** It takes long while all that is asked besides. */
async function make({ plugin }: Side): Promise<void> {
  const create = async () => await plugin.create('new').catch(() => undefined)
  await until('a volume', 120_000, async () => (await create())?.status === 200)
}

async function giveBack({ plugin }: Side): Promise<void> {
  requireOk(await plugin.remove('new'))
  await plugin.admin.post('/v1/volumes/new/wipe', v.unknown())
  const isThere = async () => (await plugin.claims()).some(({ name }) => name === 'new')
  await until('a wiped disk', 60_000, async () => !(await isThere()))
}

/** A plugin whose journal has so many volumes, on disks that are not there, and that has one more disk. */
async function pluginWith(t: Test, count: number): Promise<Side> {
  const disk = await LoopDisk.create(t, { size: 1024 * MIB })
  const folder = await pluginFolder(t)
  await seed(folder, count)
  return { plugin: await VolumePlugin.start(t, folder, { disks: [disk] }), count }
}

async function seed(folder: string, count: number): Promise<void> {
  const state = join(folder, 'data', 'berth', 'ssd')
  const mounts = join(folder, 'mounts')
  await mkdir(mounts)
  const database = await LevelDatabase.open(join(state, 'db'))
  const lists = [join(state, 'volumes.json'), join(mounts, '.volumes.json')]
  const book = new LevelClaimBook(database, await Witness.open(lists), 'boot')
  for (let number = 0; number < count; number++) {
    const identity = { wwid: '', serial: `S-${number}`, model: 'SSD 9', size: 2 ** 40 }
    const key = keyOf(identity)
    if (!key) throw new Error('A disk with a serial number has a key')
    await book.put({
      id: randomUUID().replaceAll('-', '') as ClaimId,
      key,
      identity,
      volume: {
        name: requireVolumeName(`volume-${number}`),
        options: readSsdOptions({ size: '500GiB', require: 'class=nvme' }),
        created: new Date().toISOString(),
        fsUuid: randomUUID(),
        host: 'testhost',
        boot: 'boot',
      },
      state: { is: 'ready' },
    })
  }
  await database.close()
}
