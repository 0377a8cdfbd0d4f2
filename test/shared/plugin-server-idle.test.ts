import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { servedPlugin } from './plugin-world.ts'

t.chdir(t.testdir({}))

/** Node closes idle connections after 5 s and a little by default; the engine would lose its next body to that. */
const LONGER_THAN_NODE_WAITS_MS = 7500

await t.test('an idle connection is still good after any time', async t => {
  const { connect } = await servedPlugin(t, { Echo: body => ({ got: body }) })
  const [used, fresh] = [await connect(), await connect()]
  t.match(await used.post('Echo', '1'), { body: { got: 1 } })
  await sleep(LONGER_THAN_NODE_WAITS_MS)
  t.match(await used.post('Echo', '2'), { status: 200, body: { got: 2 } })
  t.match(await fresh.post('Echo', '3'), { status: 200, body: { got: 3 } })
})
