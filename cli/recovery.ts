import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { recovery, recoveryStarted } from './answers.ts'
import type { Awaited } from './answers.ts'
import { printJson } from './context.ts'
import type { Context, Open } from './context.ts'
import { Failure } from './failure.ts'
import { table } from './table.ts'
import { ago } from './words.ts'

const ASK_EVERY_MS = 1000

const HELP = `
An etcd that was restored from a backup has forgotten what happened since, and
would give addresses again that containers hold. Berth notices, and all hosts
stop giving addresses. When etcd is as it shall be, and the same for all hosts,
run this on one of them:
  1. All hosts are fenced: what they had sent before takes effect nowhere.
  2. Each claims again, from its own journal, what its containers hold.
  3. When all have, addresses are given again.

It takes about half a minute. A host that cannot come back keeps the others
waiting until it is evicted, also one that had been evicted before the backup
was made (see berth host evict --help):
  berth host evict HOST

Start berth on all hosts first: one that runs takes part by itself, even if the
backup does not know it. Run this after every restore: where the backup was
younger than half a minute, and etcd's cluster token is the old one, no host
can notice by itself that addresses are missing.

While it waits, this command shows for whom. It may be broken off: the recovery
goes on, and the command, given again, shows it again.`

const WARNING = `All hosts are to be fenced, and to claim again what their containers hold. Until
each has, or is evicted, no host gives addresses. etcd must be restored by now,
and be the same one for all hosts.`

type Options = { readonly yes?: true; readonly wait: boolean }

export function addRecover(program: Command, open: Open): void {
  program
    .command('recover')
    .summary('after etcd was restored from a backup: claim everything again')
    .description(
      'Lets all hosts claim again what they hold, after etcd was restored from a backup.',
    )
    .option('--yes', 'do not ask')
    .option('--no-wait', 'only begin')
    .addHelpText('after', HELP)
    .action((options: Options, command: Command) => recover(open(command), options))
}

async function recover(context: Context, { yes, wait }: Options): Promise<void> {
  const { api, terminal, json } = context
  const current = await api.get('/v1/recovery', recovery)
  if (current.open) {
    const since = current.since === undefined ? '' : `, begun ${ago(current.since, Date.now())}`
    terminal.note(`A recovery is under way already${since}.\n`)
  } else if (!yes) {
    await terminal.confirm(WARNING, '"yes"', 'yes')
  }
  // Also where one is under way: it may have been cut short before all hosts were fenced.
  const begun = await api.post('/v1/recover', recoveryStarted)
  if (wait) await waitForAll(context)
  else if (json) printJson(context, begun)
  else show(context, begun.waiting)
}

async function waitForAll(context: Context): Promise<void> {
  let shown = ''
  for (;;) {
    const current = await context.api.get('/v1/recovery', recovery).catch((cause: Error) => {
      const goesOn = 'the recovery goes on; run berth recover again to see it'
      throw new Failure(`${cause.message} (${goesOn})`, { cause })
    })
    if (!current.open) {
      if (context.json) return printJson(context, current)
      return context.terminal.print('The recovery is over: addresses are given again.\n')
    }
    const state = JSON.stringify(current.waiting)
    if (!context.json && state !== shown) show(context, current.waiting)
    shown = state
    await sleep(ASK_EVERY_MS)
  }
}

function show({ terminal }: Context, waiting: readonly Awaited[]): void {
  if (waiting.length === 0) return terminal.print('No host is awaited any more.\n')
  const rows = waiting.map(({ name, phase, id }) => [name, phase ?? 'not yet fenced', id])
  terminal.print(`${table(['AWAITED', 'PHASE', 'ID'], rows)}
If one of these cannot come back, and its containers are dead: berth host evict ID\n\n`)
}
