import type { Engine } from './engine.ts'
import { fill, fleet, scenario } from './scenario.ts'

const NO_BEATS_MS = 600_000

await scenario(
  'a host that claims addresses need not look whether it was evicted, one that is asked nothing does',
  2,
  async (world, t) => {
    await fleet(world)
    const busy = world.engine(0)
    const looks = world.engines.map(looksFrom)
    for (let i = 0; i < 10; i++) {
      await fill(busy, 1)
      await world.sleep(2000)
    }
    const [ofBusy = Number.NaN, ofIdle = Number.NaN] = looks.map(count => count())
    t.equal(ofBusy, 0)
    t.ok(ofIdle >= 3, `${ofIdle} looks in 20 s`)
    await world.sleep(10_000)
    t.ok((looks[0]?.() ?? 0) > 0, 'and so does the first, once it is asked nothing any more')
  },
  NO_BEATS_MS,
)

/** How often the host asks from now on which history the store has: nothing else but a look does. */
function looksFrom({ host: { client } }: Engine): () => number {
  let count = 0
  const history = client.history.bind(client)
  client.history = async () => {
    count += 1
    return await history()
  }
  return () => count
}
