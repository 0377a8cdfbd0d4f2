import t from 'tap'
import { Random } from '../../../history/random.ts'
import { SetBacks } from './set-backs.ts'

/** SEED repeats the worlds from there on; WORLDS is how many. */
const SEED = Number(process.env['SEED'] ?? 20_261_121)
const WORLDS = Number(process.env['WORLDS'] ?? 8)
const STEPS = 60

t.setTimeout(300_000)

await t.test('however often etcd is set back, an exclusive volume is used on one host', async t => {
  const done = { mounted: 0, refused: 0, setBack: 0 }
  for (let index = 0; index < WORLDS; index++) {
    await t.test(`seed ${SEED + index}`, async t => {
      const world = await SetBacks.create(t, new Random(SEED + index))
      for (let step = 0; step < STEPS; step++) await world.step()
      t.strictSame(world.faults, [], world.log.join('\n'))
      for (const key of ['mounted', 'refused', 'setBack'] as const) done[key] += world.done[key]
    })
  }
  t.ok(
    done.mounted > WORLDS && done.refused > WORLDS && done.setBack > WORLDS,
    JSON.stringify(done),
  )
})
