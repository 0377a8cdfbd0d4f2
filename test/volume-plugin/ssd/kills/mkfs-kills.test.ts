import './own-mounts.ts'
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { t as file } from 'tap'
import { canUseDisks, whyNoDisks } from '../../../disks/requirements.ts'
import { Random } from '../../../history/random.ts'
import { cutOffFromMkfs, cutOffMkfs, prepare, writesOfMkfs } from './cutting.ts'
import { scenarioOf } from './scenarios.ts'
import { World } from './world.ts'

/** Each write of mkfs in the long run, a few else; SEED repeats them. */
const SOAK = process.env['BERTH_SOAK'] !== undefined
const SEED = Number(process.env['SEED'] ?? randomInt(2 ** 30))
const FEW = 3

file.setTimeout(3_600_000)

const noStrace = existsSync('/usr/bin/strace') ? undefined : 'killing mkfs needs strace'

if (canUseDisks(whyNoDisks() ?? noStrace)) {
  await file.test(`mkfs killed at any of its writes costs nothing (SEED=${SEED})`, async t => {
    const create = scenarioOf('Create')
    const world = await World.create(t, 2)
    await prepare(world, create)
    const format = { call: 'hold.format', when: 'after' } as const
    const writes = await writesOfMkfs(world, create)
    t.ok(writes > 20, `${writes} writes`)
    const random = new Random(SEED)
    // The first write of the plugin itself, of the mark, is as many.
    const all = Array.from({ length: writes - 1 }, (_, i) => i + 2)
    for (const write of SOAK ? all : random.shuffled(all).slice(0, FEW)) {
      const isAlone = random.chance(0.5)
      const faults = await cutOffMkfs(world, create, write, isAlone ? undefined : format)
      t.strictSame(faults, [], `write ${write}, ${isAlone ? 'alone' : 'and the plugin with it'}`)
    }
  })

  await file.test('a mkfs that outlives the plugin is waited for', async t => {
    const create = scenarioOf('Create')
    const world = await World.create(t, 2)
    await prepare(world, create)
    t.strictSame(await cutOffFromMkfs(world, create), [])
  })
}
