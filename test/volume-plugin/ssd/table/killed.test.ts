import { setTimeout as sleep } from 'node:timers/promises'
import * as v from '@badrap/valita'
import { t as file } from 'tap'
import type { Test } from 'tap'
import { LoopDisk, MIB } from '../../../disks/loop-disk.ts'
import { canUseDisks } from '../../../disks/requirements.ts'
import { until } from '../../../engine/lab/until.ts'
import { Random } from '../../../history/random.ts'
import { pluginFolder, VolumePlugin } from '../../process.ts'
import { CONTENTS } from './contents.ts'
import { SIZE } from './state.ts'
import type { Made } from './state.ts'
import { USES, WITHOUT_PRIVILEGES } from './uses.ts'

const ROUNDS = process.env['BERTH_SOAK'] === '1' ? 100 : 3
const SEED = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e6))

file.setTimeout(1_800_000)

/**
 * One blank disk among all others, which are looked at before it, being smaller: each time the plugin is killed at another
 * moment of Create, takes up its work, and gives the disk back.
 */
if (canUseDisks()) {
  await file.test(
    `of all disks only the blank one is ever written, whenever the plugin dies: SEED=${SEED}`,
    async t => {
      const random = new Random(SEED)
      const others = await makeOthers(t)
      const blank = await LoopDisk.create(t, { size: SIZE + 16 * MIB })
      const before = await checksums(others)
      const folder = await pluginFolder(t)
      const start = () =>
        VolumePlugin.start(t, folder, { disks: [...others, blank], through: WITHOUT_PRIVILEGES })

      const first = await start()
      const tookMs = await createAndGiveBack(first)
      t.strictSame(await checksums(others), before, 'no other disk was written')
      await first.end('SIGTERM')

      for (let round = 1; round <= ROUNDS; round++) {
        const afterMs = random.between(0, Math.ceil(tookMs * 1.2))
        const withTools = random.chance(0.5)
        const dies = await start()
        const create = dies.create('data').catch(() => undefined)
        await sleep(afterMs)
        if (withTools) await dies.end('SIGKILL')
        else await dies.kill()
        await create

        const takesUp = await start()
        await createAndGiveBack(takesUp)
        const what = `killed ${withTools ? 'with its tools' : 'alone'} after ${afterMs} ms`
        t.strictSame(await checksums(others), before, `${what}: no other disk was written`)
        await takesUp.end('SIGTERM')
      }
    },
  )
}

async function makeOthers(t: Test): Promise<readonly Made[]> {
  const made: Made[] = []
  for (const { make } of [...CONTENTS, ...USES]) made.push(...(await make(t)))
  return made
}

async function checksums(disks: readonly Made[]): Promise<readonly string[]> {
  const sums: string[] = []
  for (const disk of disks) sums.push(`${disk.name} ${await disk.checksum()}`)
  return sums
}

/** How long Create took. */
async function createAndGiveBack(plugin: VolumePlugin): Promise<number> {
  const tookMs = await until('a volume', 60_000, async () => {
    const started = performance.now()
    const { body } = await plugin.create('data')
    return body['Err'] === undefined && performance.now() - started
  })
  if (!(await plugin.names()).includes('data')) throw new Error('The volume is not listed')
  await plugin.remove('data')
  await plugin.admin.post('/v1/volumes/data/wipe', v.unknown())
  await until('a wiped disk', 60_000, async () => (await plugin.claims()).length === 0)
  return tookMs
}
