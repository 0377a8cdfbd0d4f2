import fc from 'fast-check'
import { t as file } from 'tap'
import { DriverWorld, refusal } from './driver-world.ts'
import { Model } from './model.ts'
import { must, numberOf, Subject, textOf } from './model-subject.ts'

const SOAK = process.env['BERTH_SOAK'] !== undefined
file.setTimeout(SOAK ? 3_600_000 : 120_000)

/** The subnet is 192.0.2.0/28 or /29; the pools are the whole of it, and a part of it. */
type World = { readonly length: 28 | 29; readonly rests: boolean }

type Step =
  | { readonly do: 'requestPool'; readonly pool: number; readonly exclude: readonly number[] }
  | { readonly do: 'releasePool' | 'request' | 'restart' | 'settle'; readonly pool: number }
  | { readonly do: 'static' | 'release' | 'aux'; readonly pool: number; readonly at: number }
  | { readonly do: 'gateway'; readonly pool: number; readonly at: number | undefined }

const RUNS = SOAK ? 5000 : 150
const SIZE = { minLength: 10, maxLength: 80, size: 'max' } as const

await file.test('any sequence of calls and restarts keeps what a naive model keeps', async t => {
  let steps = 0
  await fc.assert(
    fc.asyncProperty(worlds(), async ([world, sequence]) => {
      steps += await run(world, sequence)
    }),
    { numRuns: RUNS, endOnFailure: false, interruptAfterTimeLimit: SOAK ? 1_200_000 : 40_000 },
  )
  t.ok(steps > 0, `${steps} steps agree with the model`)
})

await file.test(
  '32 at once fill a /24 exactly, and what they release is available again',
  async t => {
    const world = await DriverWorld.open()
    t.teardown(() => world.close())
    const pool = await world.requestPool('192.0.2.0/24', '', { 'berth.cooldown': '0' })
    const shared = [await world.gateway(pool), await world.aux(pool, '192.0.2.77')]
    const all = Array.from({ length: 254 }, (_, i) => `192.0.2.${i + 1}`)
    const room = all.filter(address => !shared.includes(address))

    const given = await atOnce(32, room.length, () => world.endpoint(pool))
    t.strictSame(byNumber(given), room, 'each address that is left was given once')
    t.equal(await refusal(world.endpoint(pool)), 'pool-full', 'the next is refused')

    const back = given.filter((_, i) => i % 3 === 0)
    await Promise.all(back.map(address => world.release(pool, address)))
    const again = await atOnce(32, back.length, () => world.endpoint(pool))
    t.strictSame(byNumber(again), byNumber(back), 'just those that were released are given again')
    t.equal(await refusal(world.endpoint(pool)), 'pool-full', 'and then no other')
  },
)

await file.test('32 at once who all want the same address: one gets it', async t => {
  const world = await DriverWorld.open()
  t.teardown(() => world.close())
  const pool = await world.requestPool('192.0.2.0/24')
  const codes = await Promise.all(
    Array.from({ length: 32 }, () => refusal(world.endpoint(pool, '192.0.2.9'))),
  )
  t.equal(codes.filter(code => code === undefined).length, 1)
  t.equal(codes.filter(code => code === 'address-in-use').length, 31)
})

function worlds(): fc.Arbitrary<[World, Step[]]> {
  return fc
    .record({ length: fc.constantFrom<28 | 29>(28, 29), rests: fc.boolean() })
    .chain(world => fc.tuple(fc.constant(world), fc.array(step(2 ** (32 - world.length)), SIZE)))
}

function step(size: number): fc.Arbitrary<Step> {
  const pool = fc.integer({ min: 0, max: 1 })
  const at = fc.integer({ min: 0, max: size - 1 })
  const exclude = fc.array(at, { maxLength: 2 })
  return fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('requestPool' as const), pool, exclude }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('releasePool' as const), pool }) },
    { weight: 12, arbitrary: fc.record({ do: fc.constant('request' as const), pool }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('static' as const), pool, at }) },
    { weight: 10, arbitrary: fc.record({ do: fc.constant('release' as const), pool, at }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('aux' as const), pool, at }) },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('gateway' as const),
        pool,
        at: fc.option(at, { nil: undefined }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), pool }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const), pool }) },
  )
}

async function run({ length, rests }: World, sequence: readonly Step[]): Promise<number> {
  const size = 2 ** (32 - length)
  const ranges = [
    [1, size - 2],
    [size / 2, size - 1],
  ] as const
  const driver = await DriverWorld.open()
  try {
    const subject = new Subject(driver, `192.0.2.0/${length}`, rests)
    const model = new Model(size, rests, ranges)
    for (const one of sequence) {
      await take(one, subject, model)
      await subject.mustBe(model, one)
    }
    return sequence.length
  } finally {
    await driver.close()
  }
}

async function take(one: Step, subject: Subject, model: Model): Promise<void> {
  const { driver } = subject
  const id = subject.id(one.pool)
  switch (one.do) {
    case 'requestPool': {
      const late = model.pools.some(({ there }) => there)
      must(
        (await subject.requestPool(one.pool, one.exclude, !late)) === id,
        `the pool id is not ${id}`,
      )
      return model.requestPool(one.pool, one.exclude)
    }
    case 'releasePool':
      await driver.releasePool(id)
      return model.releasePool(one.pool)
    case 'restart':
      await driver.reopen()
      return model.settle()
    case 'settle':
      await driver.settle()
      return model.settle()
    case 'release':
      await driver.release(id, textOf(one.at))
      return model.release(one.pool, one.at)
    case 'request':
      return await request(one.pool, subject, model)
    case 'static':
      if (await alike(driver.endpoint(id, textOf(one.at)), model.refusesStatic(one.pool, one.at)))
        model.give(one.pool, one.at)
      return
    case 'aux':
      if (await alike(driver.aux(id, textOf(one.at)), model.refusesAux(one.pool, one.at)))
        model.share(one.pool, one.at)
      return
    case 'gateway':
      return await gateway(one.pool, one.at, subject, model)
  }
}

async function request(pool: number, subject: Subject, model: Model): Promise<void> {
  const { fresh, resting } = model.free(pool)
  const full = fresh.length + resting.length === 0 ? 'pool-full' : undefined
  const until = await subject.until()
  const asked = subject.driver.endpoint(subject.id(pool))
  if (!(await alike(asked, model.pool(pool).networks === 0 ? 'unknown-pool' : full))) return
  const address = numberOf(await asked)
  if (fresh.length > 0)
    must(fresh.includes(address), `${address} given, not one of ${String(fresh)}`)
  else {
    const longest = Math.min(...resting.map(one => until.get(one) ?? 0))
    must(resting.includes(address), `${address} given, not one of the resting ${String(resting)}`)
    must(until.get(address) === longest, `${address} given, which has not rested longest`)
  }
  model.give(pool, address)
}

async function gateway(
  pool: number,
  at: number | undefined,
  subject: Subject,
  model: Model,
): Promise<void> {
  const elected = at === undefined && model.gateway === undefined
  const out = new Set([
    ...model.used.keys(),
    ...model.shared.keys(),
    ...model.pools.flatMap(one => [...one.excluded]),
  ])
  const taken = [...out].filter(model.isUsable).length
  const full = elected && taken === model.size - 2 ? 'pool-full' : undefined
  const asked = subject.driver.gateway(subject.id(pool), at === undefined ? '' : textOf(at))
  if (!(await alike(asked, model.refusesGateway(pool, at) ?? full))) return
  const address = numberOf(await asked)
  if (elected) must(model.isUsable(address) && !out.has(address), `${address} elected`)
  else must(address === (at ?? model.gateway), `gateway ${address} instead of ${at}`)
  model.gateway = address
  model.share(pool, address)
}

/** Whether it was granted, which must be where there is no `code`. */
async function alike(asked: Promise<unknown>, code: string | undefined): Promise<boolean> {
  const refused = await refusal(asked)
  must(refused === code, `${refused ?? 'granted'} instead of ${code ?? 'granted'}`)
  return refused === undefined
}

async function atOnce(width: number, count: number, job: () => Promise<string>): Promise<string[]> {
  const done: string[] = []
  let begun = 0
  const worker = async () => {
    while (begun++ < count) done.push(await job())
  }
  await Promise.all(Array.from({ length: width }, worker))
  return done
}

function byNumber(addresses: readonly string[]): string[] {
  return addresses.toSorted((a, b) => numberOf(a) - numberOf(b))
}
