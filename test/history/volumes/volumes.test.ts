import { randomInt } from 'node:crypto'
import { t as file } from 'tap'
import { playVolumes } from './volume-play.ts'
import { canHaveFiles } from '../../volume-plugin/cluster/files/world.ts'

const SOAK = process.env['BERTH_SOAK'] !== undefined
const SEED = process.env['SEED']
const RUNS = SOAK ? 12 : 1
const LASTS_MS = SOAK ? 180_000 : 40_000

file.setTimeout(RUNS * (LASTS_MS + 300_000))
if (!canHaveFiles(file)) process.exit()

for (let i = 0; i < RUNS; i++) {
  const seed = SEED === undefined ? randomInt(2 ** 32) : Number(SEED) + i
  await file.test(
    `3 hosts lose no volume, and never share an exclusive one, whatever fails (SEED=${seed})`,
    async t => {
      const { history, broken, faults, folder } = await playVolumes(seed, LASTS_MS)
      const mounted = history.holds.length
      t.comment(`${history.calls.length} calls, ${mounted} containers, faults: ${faults.join()}`)
      t.strictSame([...new Set(broken)], [], `the record is in ${folder ?? 'no file: all is well'}`)
      t.ok(mounted > 100, 'there was enough to judge')
    },
  )
}
