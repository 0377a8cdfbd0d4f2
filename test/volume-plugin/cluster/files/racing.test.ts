import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { LinuxFiles } from '../../../../volume-plugin/cluster/linux-files.ts'
import { Random } from '../../../history/random.ts'
import { Swapping, everything } from './swapping.ts'
import { FilesWorld, ID, canHaveFiles } from './world.ts'

if (!canHaveFiles(t)) process.exit()
t.setTimeout(300_000)

const SEED = Number(process.env['BERTH_SEED'] ?? 5)
const LANES = 8
const ROUNDS = 60
const CANARY = 'canary'
const GIVEN = { uid: 4321, gid: 4321, mode: 0o700 }
const TOPS = ['volumes', 'projects', '.berth']

await t.test(`whatever is swapped, nothing leads out of it (seed ${SEED})`, async t => {
  const world = await FilesWorld.open(t)
  const files = await world.begun()
  const secret = join(world.root, 'secret')
  const others = [world.outside, secret]
  for (const other of others) await fill(other)
  const before = others.map(everything)
  for (const name of ['a', 'b', 'c']) {
    await mkdir(join(world.root, 'projects', name), { recursive: true })
    await mkdir(join(world.root, 'volumes', name), { recursive: true })
  }
  await mkdir(join(world.root, '.berth', 'parked'))
  const swapped = ['volumes', 'volumes/a', 'volumes/b', 'projects', 'projects/a', '.berth/parked']
  const random = new Random(SEED)
  const swapping = new Swapping(
    random,
    swapped.map(name => join(world.root, name)),
    others,
  )
  const swaps = swapping.run()
  const told = { done: 0, refused: 0, failed: 0 }
  const lane = async (at: number) => {
    for (let round = 0; round < ROUNDS; round++) {
      const outcome = await work(files, random, world.at(`lane-${at}`))
      told[outcome.is]++
      if (outcome.is === 'failed') t.comment(String(outcome.why))
      const seen = await mountedBy(world, `lane-${at}`)
      if (seen.includes(CANARY)) t.fail(`round ${round}: what is outside was mounted`)
    }
  }
  await Promise.all(Array.from({ length: LANES }, (_, at) => lane(at)))
  swapping.stop()
  await swaps
  t.comment(`${swapping.swaps} swaps`, told)
  t.ok(swapping.swaps > LANES)
  t.ok(told.done > ROUNDS && told.refused > LANES, 'both come to pass')
  t.strictSame(others.map(everything), before, 'what is outside is as it was')
  t.equal(await files.check(), ID)
})

/** With some of the names that are worked on, so that whoever gets there finds something to spoil. */
async function fill(folder: string): Promise<void> {
  for (const name of ['a', 'b', 'volumes/a', 'parked/a', 'a/data']) {
    await mkdir(join(folder, name), { recursive: true })
    await writeFile(join(folder, name, CANARY), name)
  }
  await writeFile(join(folder, CANARY), '')
}

type Outcome = { readonly is: 'done' | 'refused' | 'failed'; readonly why?: unknown }

async function work(files: LinuxFiles, random: Random, at: string): Promise<Outcome> {
  const name = random.pick(['a', 'b', 'c'])
  const place = [random.pick(TOPS.slice(0, 2)), name]
  const parked = ['.berth', 'parked', random.pick(['a', 'b'])]
  const jobs = [
    () => files.make(place, GIVEN),
    () => files.make(place, GIVEN),
    () => files.bind(place, at),
    () => files.bind(place, at),
    () => files.move(place, [...parked, 'data']),
    () => files.move([...parked, 'data'], place),
    () => files.destroy(parked),
    () => files.folders(place),
  ]
  try {
    await random.pick(jobs)()
    return { is: 'done' }
  } catch (error) {
    const isRefusal = error instanceof Error && error.name === 'Refusal'
    return isRefusal ? { is: 'refused' } : { is: 'failed', why: error }
  }
}

async function mountedBy(world: FilesWorld, name: string): Promise<readonly string[]> {
  const line = await world.mounted(world.at(name))
  return line ? await readdir(world.at(name)).catch(() => []) : []
}
