import { randomInt } from 'node:crypto'
import { t as file } from 'tap'
import { ALL_KINDS, play } from './play.ts'

const SOAK = process.env['BERTH_SOAK'] !== undefined
const SEED = process.env['SEED']
const RUNS = SOAK ? 12 : 1
const LASTS_MS = SOAK ? 180_000 : 50_000

file.setTimeout(RUNS * (LASTS_MS + 300_000))

for (let i = 0; i < RUNS; i++) {
  const seed = SEED === undefined ? randomInt(2 ** 32) : Number(SEED) + i
  await file.test(
    `8 hosts keep promises 1 and 2 and leak nothing, whatever fails (SEED=${seed})`,
    async t => {
      t.comment(`SECONDS=${LASTS_MS / 1000} SEED=${seed} node test/history/run.ts repeats it`)
      const result = await play({ seed, hosts: 8, lastsMs: LASTS_MS, kinds: ALL_KINDS })
      t.comment(result.counts)
      const { broken, folder } = result
      t.strictSame([...new Set(broken)], [], `the record is in ${folder ?? 'no file: all is well'}`)
      const given = result.history.calls.filter(
        ({ asked, outcome }) => asked.do === 'request' && outcome.is === 'ok',
      )
      t.ok(given.length > 500, 'there was enough to judge')
    },
  )
}
