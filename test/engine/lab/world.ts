import t, { type TAP } from 'tap'
import { Engine } from './engine.ts'
import { Host } from './host.ts'
import { importImage } from './image.ts'
import { Lab } from './lab.ts'
import { fetchEngines, NEWEST, OLDEST, tool, type Suite } from './releases.ts'
import { whyNoEngines } from './requirements.ts'
import { run } from './run.ts'
import { Switch } from './switch.ts'

/** A file's share of the time that a whole run may take. */
const LIMIT = (process.env['BERTH_SOAK'] ? 120 : 10) * 60_000

/** A running test, as far as scenarios use it: the same for a file and for a part of it. */
export type Test = Pick<
  TAP,
  | 'comment'
  | 'equal'
  | 'match'
  | 'not'
  | 'notMatch'
  | 'notOk'
  | 'ok'
  | 'pass'
  | 'passing'
  | 'strictSame'
  | 'teardown'
  | 'test'
>

/** One host with a running engine and the test image. */
export async function oneEngine(t: Test, suite: Suite): Promise<Engine> {
  const lab = await Lab.open(t)
  const host = await Host.create(await Switch.create(lab), 1)
  const engine = new Engine(host, suite)
  tellLastWords(t, engine)
  await engine.start()
  await importImage(engine)
  return engine
}

/** The same scenario on the oldest and on the newest engine; skipped, with the reason, where no engine can run. */
export async function onOldestAndNewest(
  scenario: (t: Test, suite: Suite) => Promise<void>,
  whyNot = whyNoEngines,
): Promise<void> {
  if (!(await canRun(whyNot))) return
  const suites = [OLDEST, NEWEST]
  await fetchEngines(suites)
  for (const suite of suites) {
    const version = await versionOf(suite)
    await t.test(`on Docker Engine ${version}`, t => scenario(t, suite))
  }
}

/** False, said as a skipped test, where something is missing; a failure on a machine that checks changes. */
export async function canRun(whyNot: () => Promise<string | undefined>): Promise<boolean> {
  t.setTimeout(LIMIT)
  const reason = await whyNot()
  if (reason === undefined) return true
  if (process.env['CI'] === 'true') t.fail(reason)
  else t.pass('engine tests', { skip: reason })
  return false
}

async function versionOf(suite: Suite): Promise<string> {
  const answer = await run(tool(suite, 'dockerd'), ['--version'])
  return /[\d.]+/.exec(answer)?.[0] ?? answer
}

/** What its engine printed is told when the test fails. */
export function tellLastWords(t: Test, engine: Engine): void {
  t.teardown(() => {
    if (!t.passing()) t.comment(`the last words of ${engine.host.name}:\n${engine.logTail()}`)
  })
}
