import './own-mounts.ts'
import { randomInt } from 'node:crypto'
import { t as file } from 'tap'
import { canUseDisks, whyNoVolatileDisks } from '../../../disks/requirements.ts'
import { Random } from '../../../history/random.ts'
import { PowerHistory } from './power-history.ts'
import { PowerWorld } from './power-world.ts'

/** SEED repeats the histories from there on. */
const SOAK = process.env['BERTH_SOAK'] !== undefined
const SEED = Number(process.env['SEED'] ?? randomInt(2 ** 30))
const HISTORIES = SOAK ? 40 : 2
const CUTS = SOAK ? 20 : 12
/** On a slow machine a history ends earlier. */
const LASTS_MS = SOAK ? 600_000 : 45_000

file.setTimeout(7_200_000)
file.jobs = 2

if (canUseDisks(whyNoVolatileDisks())) {
  await Promise.all(
    Array.from({ length: HISTORIES }, (_, i) =>
      file.test(`what was answered outlives power cuts (SEED=${SEED + i})`, async t => {
        const history = new PowerHistory(await PowerWorld.create(t, 3), new Random(SEED + i))
        const began = performance.now()
        const faults: string[] = []
        for (let cuts = 0; cuts < CUTS && performance.now() - began < LASTS_MS; cuts++) {
          faults.push(...(await history.round()))
          if (faults.length > 0) break
        }
        faults.push(...(await history.end()))
        t.comment(history.told)
        t.strictSame(faults, [])
      }),
    ),
  )
}
