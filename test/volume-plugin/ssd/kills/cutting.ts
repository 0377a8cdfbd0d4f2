import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { endAndCheck, judge, takeAllFree } from './judge.ts'
import type { Plugin, PluginOptions } from './plugin.ts'
import { createKept, Refused } from './scenarios.ts'
import type { Scenario } from './scenarios.ts'
import type { KillAt } from './steps.ts'
import type { World } from './world.ts'

/** Around which of the calls that change anything the process is killed. */
export type Step = KillAt & { readonly text: string }

const SAVED = 'saved'
const CUT = 'cut'
type Settings = Readonly<Record<string, string>>

/** What a killed process left running is waited for so. */
const SOON = { TEND_MS: '1000' }

/** The world as it is before the scenario's call. */
export async function prepare(world: World, { before, isForgotten }: Scenario): Promise<void> {
  await answered(world, createKept)
  if (isForgotten) await world.save('earlier')
  await answered(world, async plugin => await before(plugin, world))
  if (isForgotten) await world.restoreState('earlier')
  await world.save(SAVED)
}

async function answered(world: World, calls: (plugin: Plugin) => Promise<unknown>): Promise<void> {
  const plugin = await world.start()
  await calls(plugin)
  await plugin.kill()
}

/** All that the call, which is answered, does. */
export async function stepsOf(world: World, scenario: Scenario): Promise<readonly Step[]> {
  const plugin = await begin(world, scenario, {})
  await world.takeCalls()
  await scenario.act(plugin, world)
  await plugin.kill()
  return both(await world.takeCalls())
}

export function both(calls: readonly string[]): readonly Step[] {
  return calls.flatMap((text, i) => [
    { call: i + 1, when: 'before' as const, text },
    { call: i + 1, when: 'after' as const, text },
  ])
}

/**
 * Kills the plugin at this step of the call, and starts it again.
 *
 * @returns what is wrong then; empty where all is well
 */
export async function cutOff(
  world: World,
  scenario: Scenario,
  step: KillAt,
  settings: Settings = {},
): Promise<readonly string[]> {
  const end = await cut(world, scenario, { step, settings })
  const isReached = end === 'cut' || (end === 'answered' && scenario.isMixed)
  if (!isReached) return [`the step was never reached: ${end}`]
  return await judgeRestarted(world, scenario, settings, end === 'answered')
}

/** The world as a plugin that was killed at this step left it, and what the next one does at its start. */
export async function stepsOfRestart(
  world: World,
  scenario: Scenario,
  step: KillAt,
): Promise<readonly Step[]> {
  await cut(world, scenario, { step })
  await world.save(CUT)
  await world.takeCalls()
  await answered(world, async () => {})
  return both(await world.takeCalls())
}

/** As `cutOff`, for a plugin that is killed at its start, after an earlier one was killed. */
export async function cutOffRestart(
  world: World,
  scenario: Scenario,
  { call, when }: KillAt,
): Promise<readonly string[]> {
  await world.restore(CUT)
  const plugin = world.launch({ settings: { ...scenario.settings, KILL_AT: `${call}:${when}` } })
  if ((await plugin.ended()) !== 'SIGKILL') return ['the step was never reached']
  return await judgeRestarted(world, scenario, {}, false)
}

/**
 * As `cutOff`, of a plugin whose mkfs is killed before one of its writes, counted from 1.
 *
 * @param step at which the plugin is killed with it; without one it lives on for a moment
 */
export async function cutOffMkfs(
  world: World,
  scenario: Scenario,
  write: number,
  step: KillAt | undefined,
): Promise<readonly string[]> {
  const through = tracing(world, ['-e', `inject=pwrite64:signal=KILL:when=${write}`])
  const end = await cut(world, scenario, { step, through })
  if (end === 'answered') return ['the write was never reached']
  return await judgeRestarted(world, scenario, {}, false)
}

/** As `cutOff`, of a plugin that is killed while its mkfs runs, which goes on alone, and slowly. */
export async function cutOffFromMkfs(world: World, scenario: Scenario): Promise<readonly string[]> {
  const through = tracing(world, ['-e', 'inject=pwrite64:delay_enter=20000:when=2+'])
  const step = { call: 'hold.format', when: 'during' } as const
  const end = await cut(world, scenario, { step, through })
  if (end !== 'cut') return [`mkfs was too fast: ${end}`]
  return await judgeRestarted(world, scenario, {}, false)
}

/** How often mkfs writes, where nobody kills it. */
export async function writesOfMkfs(world: World, scenario: Scenario): Promise<number> {
  const trace = join(world.folder, 'trace')
  const plugin = await begin(world, scenario, { through: tracing(world, ['-o', trace]) })
  await scenario.act(plugin, world)
  await plugin.kill()
  const writers = (await readFile(trace, 'utf8')).match(/^\d+(?= +pwrite64)/gm) ?? []
  const counts = Map.groupBy(writers, pid => pid).values()
  return Math.max(...Array.from(counts, each => each.length))
}

/** Of the plugin and its tools, as far as they write to its blank disk. */
function tracing({ disks }: World, more: readonly string[]): readonly string[] {
  const blank = disks.at(-1)?.node ?? ''
  const what = ['-e', 'trace=pwrite64', '-P', blank]
  return ['strace', '-f', '-qq', ...what, ...more]
}

type End = 'answered' | 'refused' | 'cut'
type Cut = { readonly step?: KillAt | undefined } & Partial<PluginOptions>

/** Whether it is killed at that step, or else once there is an answer. */
async function cut(world: World, scenario: Scenario, { step, ...options }: Cut): Promise<End> {
  const plugin = await begin(world, scenario, options)
  if (step) await plugin.arm(step)
  const end = await scenario.act(plugin, world).then(
    () => 'answered' as const,
    (error: unknown) => (error instanceof Refused ? 'refused' : 'cut'),
  )
  if (end !== 'cut') await plugin.kill()
  await plugin.ended()
  return end
}

/** After a restart, after the call was made once more, and after all that is free was taken. */
async function judgeRestarted(
  world: World,
  scenario: Scenario,
  settings: Settings,
  isAnswered: boolean,
): Promise<readonly string[]> {
  const plugin = await world.start({ settings: { ...SOON, ...scenario.settings, ...settings } })
  try {
    const found = [...(await judge(world, plugin, isAnswered ? scenario.done : scenario.cut))]
    await scenario.act(plugin, world).catch((error: Error) => {
      found.push(`asked again, it is refused: ${error.message}`)
    })
    found.push(...(await judge(world, plugin, scenario.done)))
    found.push(...(await takeAllFree(plugin)))
    found.push(...(await endAndCheck(world, plugin)))
    return found.length > 0 ? [...found, plugin.story] : []
  } finally {
    await plugin.kill()
  }
}

async function begin(
  world: World,
  { live, settings }: Scenario,
  options: Partial<PluginOptions>,
): Promise<Plugin> {
  await world.restore(SAVED)
  const plugin = await world.start({ ...options, settings: { ...settings, ...options.settings } })
  await live?.(plugin)
  return plugin
}
