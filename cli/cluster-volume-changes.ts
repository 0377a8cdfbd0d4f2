import { lockBroken, oneClusterVolume } from './cluster-answers.ts'
import type { ClusterVolume, User } from './cluster-answers.ts'
import { userOf } from './cluster-volume-views.ts'
import { findVolume } from './cluster-volumes.ts'
import { printJson } from './context.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'
import { meantBy } from './meant.ts'
import type { Asking } from './volume-changes.ts'
import { pathOf } from './volume-views.ts'
import { ago, duration } from './words.ts'

export async function restoreClusterVolume(context: Context, wanted: string): Promise<void> {
  const { id } = await findVolume(context, wanted, 'removed')
  const answer = await context.api.post(`${pathOf(id)}/restore`, oneClusterVolume)
  if (context.json) return printJson(context, answer)
  context.terminal.print(
    `${answer.volume.name} is back, with its data: docker volume ls shows it again, on every host.\n`,
  )
}

export async function wipeClusterVolume(
  context: Context,
  wanted: string,
  { yes }: Asking,
): Promise<void> {
  const { api, terminal, json } = context
  const volume = await findVolume(context, wanted, 'removed', yes)
  if (!yes) await terminal.confirm(wipeWarning(volume), "the volume's name", volume.name)
  // What was shown, whatever has its name by now.
  const answer = await api.post(`${pathOf(volume.id)}/wipe`, oneClusterVolume)
  if (json) return printJson(context, answer)
  terminal.print(`${volume.name} is being wiped: berth volume ls shows it until it is gone.\n`)
}

export type BreakOptions = Asking & { readonly host?: string }

export async function breakLock(
  context: Context,
  wanted: string,
  { host, yes }: BreakOptions,
): Promise<void> {
  const { api, terminal, json } = context
  const volume = await findVolume(context, wanted, 'in use', yes)
  const user = findUser(volume, host, yes)
  if (!yes) await terminal.confirm(breakWarning(volume, user), "the host's name", user.name)
  const order = { host: user.host, since: user.since }
  const answer = await api.post(`${pathOf(volume.id)}/break-lock`, lockBroken, order)
  if (json) return printJson(context, answer)
  const { name } = answer.from
  terminal.print(
    `${volume.name} is taken from ${name}: other hosts may mount it. If ${name} still runs, stop its containers that use it.\n`,
  )
}

/**
 * The host of that id or name, or whose id begins so; unnamed, the only one.
 *
 * @param isWhole the beginning of an id is not enough: nobody is asked whether that one is meant
 * @throws {Failure} where none or several could be meant
 */
function findUser(
  { name, users }: ClusterVolume,
  wanted: string | undefined,
  isWhole = false,
): User {
  if (users.length === 0)
    throw new Failure(`No host has ${name} mounted: there is nothing to break`)
  const meant =
    wanted === undefined
      ? users
      : meantBy(users, wanted, {
          id: ({ host }) => host,
          name: each => each.name,
          least: isWhole ? undefined : 1,
        })
  const [user, ...others] = meant
  if (user && others.length === 0) return user
  const hosts = (user ? meant : users).map(each => `${each.name} (${each.host})`).join(', ')
  if (user) throw new Failure(`${name} is mounted on ${hosts}: say which one by --host`)
  throw new Failure(`${name} is not mounted on "${wanted}", but on ${hosts}`)
}

function wipeWarning({ name, state, parked }: ClusterVolume): string {
  const left = parked
    ? `, removed ${ago(parked.since, Date.now())} on ${parked.by}, kept ${duration(parked.leftMs)} more`
    : ''
  return `${name} (${state}${left})
Its data is to be destroyed, for every host: nothing brings it back.`
}

function breakWarning(volume: ClusterVolume, user: User): string {
  return `${volume.name} (${volume.access}) is mounted on ${userOf(user, Date.now())}.
It is to be taken from that host. Nothing keeps a host from writing to a file system
that it has mounted: containers of ${user.name} that still run go on writing, also beside
those of the next host. Go on only if ${user.name} is dead, or cut off from the file system.`
}
