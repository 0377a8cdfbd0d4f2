import * as v from '@badrap/valita'
import { silence } from './client.ts'
import type { AdminClient } from './client.ts'
import { clusterVolumes } from './cluster-answers.ts'
import { findVolumes } from './cluster-volumes.ts'
import type { Context } from './context.ts'
import { Failure, NobodyThere, Refused } from './failure.ts'
import { oneVolume } from './volume-answers.ts'
import { pathOf } from './volume-views.ts'

export const DRIVERS = ['ssd', 'cluster'] as const
export type Driver = (typeof DRIVERS)[number]

export type VolumePlugin = { readonly driver: Driver; readonly api: AdminClient }

/** What a command works with that is for volumes of either kind. */
export type VolumeContext = Omit<Context, 'api'> & {
  /** Those that may be on this host. */
  plugins(): Promise<readonly VolumePlugin[]>
}

/** Which one was asked for, if it was said. */
export type Choice = { readonly driver?: Driver }

const mode = v.object({ mode: v.string().optional() })

/** What the plugin at a socket is, that was named without saying. */
export async function pluginAt(api: AdminClient): Promise<VolumePlugin> {
  const self = await api.get('/v1/self', mode)
  return { driver: self.mode === 'cluster' ? 'cluster' : 'ssd', api }
}

/**
 * Those that are meant, each with what `ask` makes of it; those that are not on this host are left out.
 *
 * @throws {Failure} where there is none
 */
export async function askAll<T>(
  context: VolumeContext,
  { driver }: Choice,
  ask: (plugin: VolumePlugin) => Promise<T>,
): Promise<readonly { readonly plugin: VolumePlugin; readonly answer: T | Failure }[]> {
  const all = await context.plugins()
  const meant = all.filter(each => driver === undefined || each.driver === driver)
  const asked = await Promise.all(
    meant.map(async plugin => ({ plugin, answer: await orFailure(ask(plugin)) })),
  )
  const there = asked.filter(({ answer }) => !(answer instanceof NobodyThere))
  if (there.length > 0) return there
  if (meant.length === 0) throw new Failure(`There is no plugin of --driver ${driver} there`)
  const sockets = meant.map(({ api }) => api.socket).join(' or ')
  throw new NobodyThere(silence(sockets, meant.map(({ api }) => api.variable).join(' or ')))
}

/**
 * Whose volume it is; where only one plugin is there that one, which has its own words for a volume that it has not.
 *
 * @throws {Failure} where several could be meant, or none, or one that may have it cannot say so
 */
export async function pluginOf(
  context: VolumeContext,
  name: string,
  choice: Choice,
): Promise<VolumePlugin> {
  const asked = await askAll(context, choice, async plugin => await has(plugin, name))
  const [only, ...others] = asked
  if (only && others.length === 0) return only.plugin
  for (const { plugin, answer } of asked) {
    if (!(answer instanceof Failure)) continue
    const other = DRIVERS.find(each => each !== plugin.driver)
    throw new Failure(
      `Whether berth-${plugin.driver} has a volume ${name} is not known: ${answer.message}; if that of berth-${other} is meant, say --driver ${other}`,
      { cause: answer },
    )
  }
  const owners = asked.filter(({ answer }) => answer === true).map(({ plugin }) => plugin)
  const [owner, ...more] = owners
  if (owner && more.length === 0) return owner
  if (owner) {
    const which = owners.map(({ driver }) => `--driver ${driver}`).join(' or ')
    throw new Failure(`Both plugins have a volume ${name}: say ${which}`)
  }
  throw new Failure(
    `There is no volume ${name}, neither on a disk of this host nor in the cluster: berth volume ls`,
  )
}

async function has({ driver, api }: VolumePlugin, name: string): Promise<boolean> {
  if (driver === 'cluster') {
    const { volumes } = await api.get('/v1/volumes', clusterVolumes)
    return findVolumes(volumes, name).length > 0
  }
  try {
    await api.get(pathOf(name), oneVolume)
    return true
  } catch (error) {
    if (error instanceof Refused && error.code === 'unknown-volume') return false
    throw error
  }
}

async function orFailure<T>(asking: Promise<T>): Promise<T | Failure> {
  try {
    return await asking
  } catch (error) {
    if (error instanceof Failure) return error
    throw error
  }
}
