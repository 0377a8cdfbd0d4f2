import type { Command } from 'commander'
import { clusterAdopted, clusterMade, clusterSelf, clusterView } from './cluster-answers.ts'
import type { ClusterSelf, ClusterView } from './cluster-answers.ts'
import { printJson } from './context.ts'
import type { Context, Open } from './context.ts'
import { table } from './table.ts'
import type { Asking } from './volume-changes.ts'

/** The file system is written to, and it may be slow. */
const INIT_MS = 60_000

const HELP = `
States of this host:
  ready      volumes can be made, mounted and removed
  degraded   the file system or the store cannot be used, for the reason given:
             volumes that are mounted stay so, and the list is shown as it was
  suspended  nothing is made, removed or mounted exclusively until an operator
             decides what the reason says

ID is what berth cluster init wrote on the file system; KNOWN AS is what the
store has. They are the same, or nothing is mounted: it is another file system.

berth doctor shows what to mend on the host.`

const INIT_HELP = `
Writes one file, .berth/cluster.json, in CLUSTER_ROOT, with a random id, and
tells the id to the store. From then on every host looks for that id before each
use: a file system that is not mounted, or another one, is never mistaken for
it. Nothing else is written, and a file that is there is not replaced.

Be sure that it is the right file system that is mounted: on another one, found
where the right one should be, this is the wrong remedy. Where the store knows a
file system already, one without an id is refused; if it is the same, and lost
that file, --again writes it anew.

Once, on one host:
  berth doctor
  berth cluster init`

const ADOPT_HELP = `
The plugin suspends itself where this host's record in the store is not the one
that it left there: etcd was set back to an older state, or replaced; the state
directory of the host was lost; or it was copied to another machine, which then
uses the same identity.

After a store was set back or replaced, or a state directory lost: exclusive
volumes may look free that a host has mounted. Look on each host which
containers use them (docker ps --filter volume=NAME), and stop those that are
too many. Then run this on every host that is suspended, first on those whose
containers use exclusive volumes: each tells the store again what it has.

Of two machines with one identity, remove berth/ from the state directory of the
copy instead.`

export function addCluster(program: Command, open: Open): void {
  const cluster = program
    .command('cluster')
    .summary('the cluster file system of this host, and how it is')
    .description('Shows the file system that volumes of the cluster are on, and how it is.')
    .addHelpText('after', HELP)
    .action((_: object, command: Command) => showCluster(open(command)))
  cluster
    .command('init')
    .summary('make a file system the one for volumes')
    .description('Gives the file system an id by which every host knows it.')
    .option('--again', 'it is the one that the store knows, and lost its id')
    .option('--yes', 'do not ask')
    .addHelpText('after', INIT_HELP)
    .action((options: InitOptions, command: Command) => init(open(command), options))
  cluster
    .command('adopt')
    .summary('after a store was set back: go on with the one that is there')
    .description('Lets a suspended host go on with the store that is there.')
    .option('--yes', 'do not ask')
    .addHelpText('after', ADOPT_HELP)
    .action((options: Asking, command: Command) => adopt(open(command), options))
}

async function showCluster(context: Context): Promise<void> {
  const self = await context.api.get('/v1/self', clusterSelf)
  if (context.json) return printJson(context, self)
  context.terminal.print(table(['HOST', self.name], rowsOf(self)))
}

function rowsOf({ host, state, reason, cluster, store }: ClusterSelf): (string | undefined)[][] {
  return [
    ['HOST ID', host],
    ['STATE', state],
    ...(reason === undefined ? [] : [['REASON', reason]]),
    ['ROOT', cluster.root],
    ['FILE SYSTEM', fileSystemOf(cluster)],
    ['USABLE', answerOf(cluster)],
    ['ID', cluster.id],
    ['KNOWN AS', cluster.storeId],
    ['STORE', answerOf(store)],
  ]
}

type InitOptions = Asking & { readonly again?: true }

async function init(context: Context, { again, yes }: InitOptions): Promise<void> {
  const { api, terminal, json } = context
  const before = await api.get('/v1/cluster', clusterView)
  if (!yes) await terminal.confirm(initWarning(before, again), '"yes"', 'yes')
  const order = again ? { again } : {}
  const answer = await api.post('/v1/cluster/init', clusterMade, order, INIT_MS)
  if (json) return printJson(context, answer)
  const { id, made } = answer
  terminal.print(
    made
      ? `${before.root} is the cluster's file system from now on, with the id ${id}.\n`
      : `${before.root} has the id ${id} already: nothing was changed.\n`,
  )
}

async function adopt(context: Context, { yes }: Asking): Promise<void> {
  const { api, terminal, json } = context
  if (!yes) {
    const { name, reason } = await api.get('/v1/self', clusterSelf)
    const why = reason === undefined ? '' : `${reason}\n`
    const warning = `${why}${name} is to go on with the store that is there. No exclusive volume may be in use on two hosts.`
    await terminal.confirm(warning, '"yes"', 'yes')
  }
  const done = await api.post('/v1/cluster/adopt', clusterAdopted)
  if (json) return printJson(context, done)
  terminal.print('This host goes on with the store that is there.\n')
}

function initWarning(cluster: ClusterView, again: true | undefined): string {
  const where = fileSystemOf(cluster)
  const what = where === undefined ? '' : ` (${where})`
  if (again) {
    const id = cluster.storeId === undefined ? 'an id' : `the id ${cluster.storeId}`
    return `${cluster.root}${what} is to get ${id} that the store knows.
Go on only if it is that file system, and lost its .berth/cluster.json: another one that is
mounted here would be taken for it from now on.`
  }
  return `.berth/cluster.json is to be written in ${cluster.root}${what}, with an id of its own:
volumes of the cluster are to be on that file system, on every host.`
}

/** "nfs4, filer:/export". */
function fileSystemOf({ type, source }: ClusterView): string | undefined {
  return [type, source].filter(each => each !== undefined).join(', ') || undefined
}

const answerOf = ({ ok, why }: { readonly ok: boolean; readonly why?: string | undefined }) =>
  ok ? 'yes' : `no: ${why ?? "the plugin's log says why"}`
