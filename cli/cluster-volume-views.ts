import type { AdminClient } from './client.ts'
import { clusterSelf, clusterVolumes } from './cluster-answers.ts'
import type { ClusterSelf, ClusterVolume, ClusterVolumes, User } from './cluster-answers.ts'
import { findVolume } from './cluster-volumes.ts'
import { printJson } from './context.ts'
import type { Context } from './context.ts'
import { table } from './table.ts'
import { keptOf, pairs } from './volume-views.ts'
import { ago, count, some } from './words.ts'

type Read = { readonly self: ClusterSelf; readonly answer: ClusterVolumes }

/** What a list of volumes is made of. */
export async function readClusterVolumes(api: AdminClient): Promise<Read> {
  const self = await api.get('/v1/self', clusterSelf)
  const answer = await api.get('/v1/volumes', clusterVolumes)
  return { self, answer }
}

export function showClusterVolumes({ terminal }: Context, { self, answer }: Read): void {
  for (const note of notesOf(self, answer)) terminal.note(`${note}\n`)
  if (answer.volumes.length === 0) {
    const how = 'docker volume create --driver berth-cluster:latest NAME makes one'
    return terminal.print(`There is no volume in the cluster: ${how}.\n`)
  }
  const headings = ['NAME', 'STATE', 'ACCESS', 'FOLDER', 'USED BY', 'HERE', 'KEPT, PROBLEM']
  terminal.print(table(headings, answer.volumes.map(rowOf)))
}

export async function inspectClusterVolume(context: Context, wanted: string): Promise<void> {
  // From the list, which a host has also while the store is away.
  const volume = await findVolume(context, wanted, 'in use')
  if (context.json) return printJson(context, { volume })
  const { parked, broken, here } = volume
  const now = Date.now()
  const [first, ...others] = volume.users.map(user => userOf(user, now))
  context.terminal.print(
    table(
      ['NAME', volume.name],
      [
        ['STATE', volume.state],
        ...(volume.problem === undefined ? [] : [['PROBLEM', volume.problem]]),
        ...(parked
          ? [['REMOVED', `${ago(parked.since, now)} on ${parked.by}, ${keptOf(parked)}`]]
          : []),
        ['ACCESS', volume.access],
        ['FOLDER', volume.path],
        ['CREATED', `${volume.created} on ${volume.createdBy}`],
        ['USED BY', first],
        ...others.map(each => [' ', each]),
        ['HERE', here && `${hereOf(here)}, since ${here.since}`],
        ['MOUNTS', here && pairs(Object.entries(here.mounts), ' × ')],
        ...(broken ? [['BROKEN', `taken from ${broken.name} ${ago(broken.at, now)}`]] : []),
        ['MOUNTPOINT', volume.mountpoint],
        ['OPTIONS', pairs(Object.entries(volume.options), '=')],
        ['ID', volume.id],
      ],
    ),
  )
}

/** "rack1-07 (a1b2) since 2026-01-02T03:04:05Z, 3 h ago". */
export function userOf({ host, name, since, self }: User, now: number): string {
  return `${name}${self ? ', this host' : ''} (${host}) since ${since}, ${ago(since, now)}`
}

/** What an operator should know beside a list. */
function notesOf({ state, reason, cluster }: ClusterSelf, { stale, volumes }: ClusterVolumes) {
  const lost = volumes.filter(({ here }) => here?.state === 'lost').map(({ name }) => name)
  return [
    ...(state === 'ready'
      ? []
      : [`The plugin is ${state}: ${reason ?? cluster.why ?? 'its log says why'}`]),
    ...(stale ? ['The store does not answer: this is what this host saw last.'] : []),
    ...(lost.length === 0
      ? []
      : [
          `Taken from this host, and perhaps still written to by its containers: ${lost.join(', ')}. Stop these containers.`,
        ]),
  ]
}

function rowOf(volume: ClusterVolume): (string | undefined)[] {
  const { name, state, access, path, users, here } = volume
  const by = some(users.map(user => user.name))
  return [name, state, access, path, by, here && hereOf(here), remarkOf(volume)]
}

const MEANINGS: Readonly<Record<string, string>> = {
  taking: 'being taken',
  taken: 'taken',
  untold: 'not told yet',
  leaving: 'being given back',
  lost: 'lost',
}

/** "taken, 2 mounts". */
function hereOf({ state, mounts }: NonNullable<ClusterVolume['here']>): string {
  const mounted = Object.values(mounts).reduce((sum, each) => sum + each, 0)
  return `${MEANINGS[state] ?? state}, ${count(mounted, 'mount', 'mounts')}`
}

function remarkOf({ problem, parked }: ClusterVolume): string {
  return [...(problem === undefined ? [] : [problem]), ...(parked ? [keptOf(parked)] : [])].join(
    '; ',
  )
}
