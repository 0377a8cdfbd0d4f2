import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from '@badrap/valita'
import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { CLUSTER_TYPES, readClusterTypes } from '../shared/cluster-types.ts'
import { parseShownMounts } from '../shared/mountinfo.ts'
import { absolutePath } from '../shared/settings.ts'
import { clusterView } from './cluster-answers.ts'
import { printJson } from './context.ts'
import type { Context, Open } from './context.ts'
import { Failure, NobodyThere, WrongUsage } from './failure.ts'
import { checkMounts } from './host-mounts.ts'
import type { Check } from './host-mounts.ts'
import { peek } from './peek.ts'
import type { Peeked } from './peek.ts'
import { table } from './table.ts'

const ANSWER_MS = 5000
const SENTINEL = '.berth/cluster.json'

const HELP = `
Looks at the host as berth-cluster will, also before it is installed: whether
what is mounted below cluster.source arrives in the plugin, whether the cluster
file system is mounted at CLUSTER_ROOT, is one of the types allowed, can be
written to and answers, and whether berth cluster init was run on it. It changes
nothing. Where the plugin runs, it is asked as well what it sees.

Without --root, --source and --fstype, the plugin's settings go, where it is
installed; else cluster.source is /mnt, and the types are
  nfs nfs4 ceph fuse.ceph fuse.glusterfs lustre beegfs gfs2 ocfs2 fuse.juicefs
  fuse.sshfs

Exit status: 0 nothing is wrong; 1 something is, as the table says.

  berth doctor --root /mnt/data
  berth doctor --root /srv/shared/data --source /srv/shared --fstype nfs4`

type Options = {
  readonly root?: string
  readonly source: string
  readonly fstype: readonly string[]
}

export function addDoctor(program: Command, open: Open): void {
  program
    .command('doctor')
    .summary('whether this host is ready for volumes of the cluster')
    .description('Looks whether this host is ready for volumes of the cluster, and what to do.')
    .addOption(
      new Option('--root <path>', 'CLUSTER_ROOT, where the file system is to be mounted')
        .argParser(parsePath)
        .env('BERTH_CLUSTER_ROOT'),
    )
    .addOption(
      new Option('--source <path>', "the plugin's setting cluster.source")
        .argParser(parsePath)
        .default('/mnt')
        .env('BERTH_CLUSTER_SOURCE'),
    )
    .addOption(
      new Option('--fstype <types>', 'CLUSTER_FSTYPE')
        .argParser(parseTypes)
        .default(CLUSTER_TYPES, 'those below')
        .env('BERTH_CLUSTER_FSTYPE'),
    )
    .addHelpText('after', HELP)
    .action((options: Options, command: Command) => examine(open(command), options))
}

async function examine(context: Context, { root: given, source, fstype }: Options): Promise<void> {
  const plugin = await askPlugin(context)
  const root = given ?? plugin.root
  if (root === undefined) {
    throw new WrongUsage(
      'Say --root: the path at which this host has the cluster file system mounted, or is to have it',
    )
  }
  // Of the host, where this runs in a container of its own.
  const host = process.env['BERTH_HOST_PROC'] || '/proc/self'
  const engine = process.env['BERTH_ENGINE_ROOT'] || '/var/lib/docker'
  const lines = parseShownMounts(await readFile(join(host, 'mountinfo'), 'utf8'))
  const mounts = checkMounts({ root, source, types: fstype, engine }, lines)
  const isRight = mounts.every(({ state }) => state === 'ok')
  const isThere = lines.some(({ at, type }) => at === root && fstype.includes(type))
  const answers = isThere
    ? sayAnswer(await peek(join(host, 'root', root, SENTINEL), ANSWER_MS), plugin.id)
    : []
  const checks = [...mounts, ...answers, plugin.check(root, isRight)]
  show(context, { root, source, checks })
  if (checks.some(({ state }) => state === 'wrong')) {
    throw new Failure('Volumes of the cluster cannot be used on this host: see above')
  }
}

function show(
  context: Context,
  answer: { readonly root: string; readonly source: string; readonly checks: readonly Check[] },
): void {
  if (context.json) return printJson(context, answer)
  const { checks } = answer
  const rows = checks.map(({ check, state, found }) => [check, state, found])
  context.terminal.print(table(['CHECK', 'STATE', 'FOUND'], rows))
  for (const { check, todo } of checks.filter(each => each.todo.length > 0)) {
    context.terminal.print(`\n${check}:\n${todo.map(line => `  ${line}\n`).join('')}`)
  }
}

const sentinel = v.object({ cluster: v.string() })

/** @param known the id that it must have, if any is known */
function sayAnswer(peeked: Peeked, known: string | undefined): readonly Check[] {
  const answers = 'It answers'
  if (peeked.is === 'silent') {
    const found = `not within ${ANSWER_MS / 1000} s`
    const todo = ['look at its servers, and the network to them: whoever asks it waits']
    return [{ check: answers, state: 'wrong', found, todo }]
  }
  if (peeked.is === 'failed') {
    const todo = ['look at its servers, unmount it, and mount it again']
    return [{ check: answers, state: 'wrong', found: peeked.why, todo }]
  }
  const said = saySentinel(peeked.text, known)
  return [
    { check: answers, state: 'ok', found: 'it does', todo: [] },
    { check: 'berth cluster init was run on it', ...said },
  ]
}

function saySentinel(text: string | undefined, known: string | undefined): Omit<Check, 'check'> {
  const other = `the one that hosts use has the id ${known}: mount that one`
  if (text === undefined) {
    const found = `there is no ${SENTINEL}`
    if (known !== undefined) return { state: 'wrong', found, todo: [other] }
    const todo = [
      'once, on one host, when the plugin is enabled: berth cluster init',
      'if that was done on another host: this is another file system, mount the right one',
    ]
    return { state: 'later', found, todo }
  }
  const id = idOf(text)
  if (id === undefined) {
    const todo = [`look at ${SENTINEL} in it: Berth did not write what is there`]
    return { state: 'wrong', found: 'its file makes no sense', todo }
  }
  const isRight = known === undefined || id === known
  return { state: isRight ? 'ok' : 'wrong', found: `id ${id}`, todo: isRight ? [] : [other] }
}

function idOf(text: string): string | undefined {
  try {
    const decoded = sentinel.try(JSON.parse(text), { mode: 'passthrough' })
    return decoded.ok ? decoded.value.cluster : undefined
  } catch {
    return undefined
  }
}

/** What the plugin says, if it is there; what is right on the host may have come after it was enabled. */
async function askPlugin({ api }: Context) {
  const check = 'The plugin can use it'
  try {
    const { root, ok, why, storeId } = await api.get('/v1/cluster', clusterView)
    return {
      id: storeId,
      root: root || undefined,
      check: (wanted: string, isRight: boolean): Check => {
        if (root !== wanted) {
          const found = root === '' ? 'its CLUSTER_ROOT is empty' : `its CLUSTER_ROOT is ${root}`
          const todo = [
            `docker plugin set berth-cluster:latest CLUSTER_ROOT=${wanted}, while it is disabled`,
          ]
          return { check, state: 'wrong', found, todo }
        }
        if (ok) return { check, state: 'ok', found: 'it can', todo: [] }
        const todo = isRight ? ['disable the plugin, and enable it, if that does not say more'] : []
        return { check, state: 'wrong', found: why ?? 'it cannot; its log says why', todo }
      },
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const nobody = error instanceof NobodyThere
    const found = nobody ? 'it is not there' : error.message
    return {
      id: undefined,
      root: undefined,
      check: (): Check => ({ check, state: nobody ? 'later' : 'wrong', found, todo: [] }),
    }
  }
}

function parsePath(text: string): string {
  try {
    return absolutePath(text)
  } catch {
    throw new InvalidArgumentError('A path such as /mnt/data is needed.')
  }
}

function parseTypes(text: string): readonly string[] {
  try {
    return readClusterTypes(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}
