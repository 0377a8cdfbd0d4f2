import { randomInt } from 'node:crypto'
import t from 'tap'
import { drawnWorld } from './drawn.ts'

/** SEED repeats the worlds from there on; WORLDS is how many, instead of as many as there is time for. */
const SOAK = process.env['BERTH_SOAK'] !== undefined
const SEED = Number(process.env['SEED'] ?? randomInt(2 ** 30))
const WORLDS = Number(process.env['WORLDS'] ?? (SOAK ? 20_000 : 1000))
const LASTS_MS = SOAK || process.env['WORLDS'] !== undefined ? Infinity : 20_000

t.setTimeout(0)

await t.test(
  `many small worlds lose no volume, and never have two hosts on an exclusive one (SEED=${SEED})`,
  async t => {
    const began = performance.now()
    let seed = SEED
    for (; seed < SEED + WORLDS && performance.now() - began < LASTS_MS; seed++) {
      const { faults } = await drawnWorld(seed)
      if (faults.length > 0) t.fail(`SEED=${seed} WORLDS=1 repeats it`, { faults })
    }
    t.ok(seed > SEED)
    t.comment(`${seed - SEED} worlds`)
  },
)
