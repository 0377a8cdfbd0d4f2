import type { Command } from 'commander'
import { adopted, evicted, hosts, self } from './answers.ts'
import type { Host } from './answers.ts'
import { printJson } from './context.ts'
import type { Context, Open } from './context.ts'
import { findHost, seenOf } from './hosts.ts'
import { count } from './words.ts'

/** Long enough for a host with very many addresses. */
const EVICT_MS = 10 * 60_000

const EVICT_HELP = `
HOST is a name, an id, or the beginning of an id, as berth hosts shows them;
with --yes no beginning.

A host that is away keeps its addresses, for its containers may well run on. By
evicting it you give your word that they are dead, and that none will start with
an address that the host was just given. Berth cannot know: switch the host off,
or cut it from the LAN, first.

What eviction promises:
  - No claim that the host sent before takes effect afterwards.
  - No other host's address is touched.
  - The addresses rest (berth.cooldown) before somebody else gets them; but not
    before the same owner gets them, nor where the pool has no other left.
  - If the host returns, it first claims again what it held, address by address.
    What others have by then it has lost: berth status, there, shows what.
What it does not:
  - It stops no container. Where one still runs, its address may be given to
    another, and both use it.
  - It keeps no host away: one that is switched on again takes part again.

A host that was seen lately is refused without --force. Evicting again finishes
an eviction that was cut short.

rack1-07 is dead, and its containers are to run elsewhere:
  berth hosts
  berth host evict rack1-07
  berth addresses --host rack1-07`

const ADOPT_HELP = `
A host's identity lies in its state directory and is bound to the machine. On
another machine the plugin gives no address, since this may be a copy while the
original runs. Adopt the identity where the machine, its board or its network
cards were replaced, and the original will never run again. If this is a copy,
remove the copied state instead: the host then gets an identity of its own.`

export function addHost(program: Command, open: Open): void {
  const host = program
    .command('host')
    .summary('take a host out (evict), or let this machine be one (adopt)')
    .description('Decides over a host what only an operator can know.')
  host
    .command('evict <host>')
    .summary('take everything from a host that is dead')
    .description('Gives back all addresses and pools of a host whose containers are dead.')
    .option('--force', 'also a host that was seen lately')
    .option('--yes', 'do not ask')
    .addHelpText('after', EVICT_HELP)
    .action((wanted: string, options: EvictOptions, command: Command) =>
      evict(open(command), wanted, options),
    )
  host
    .command('adopt')
    .summary('let this machine take over the identity in its state directory')
    .description('Lets this machine take over the identity in its state directory.')
    .option('--yes', 'do not ask')
    .addHelpText('after', ADOPT_HELP)
    .action((options: { readonly yes?: true }, command: Command) => adopt(open(command), options))
}

type EvictOptions = { readonly force?: true; readonly yes?: true }

async function evict(context: Context, wanted: string, { force, yes }: EvictOptions) {
  const { api, terminal } = context
  const host = findHost((await api.get('/v1/hosts', hosts)).hosts, wanted, yes)
  if (!yes) await terminal.confirm(evictWarning(host), "the host's name", host.name)
  const path = `/v1/hosts/${encodeURIComponent(host.id)}/evict`
  const done = await api.post(path, evicted, force ? { force } : {}, EVICT_MS)
  if (context.json) return printJson(context, done)
  const given = `${count(done.addresses, 'address', 'addresses')} and ${count(done.pools, 'pool', 'pools')}`
  terminal.print(
    `${done.name} (${done.host}) is evicted: ${given} were taken from it. The addresses rest before others get them.\n`,
  )
}

function evictWarning(host: Host): string {
  const seen = seenOf(host, Date.now())
  return `${host.name} (${host.id}, ${host.state}, last seen: ${seen}) is to be evicted.
Its containers must be dead: where one still runs, another container may be given the same address.`
}

async function adopt(context: Context, { yes }: { readonly yes?: true }) {
  const { api, terminal } = context
  if (!yes) {
    const { id, name, reason } = await api.get('/v1/self', self)
    const why = reason === undefined ? '' : `${reason}\n`
    const warning = `${why}This machine is to be the host ${name} (${id}) from now on. The machine that was it must never run again.`
    await terminal.confirm(warning, '"yes"', 'yes')
  }
  const done = await api.post('/v1/adopt', adopted)
  if (context.json) return printJson(context, done)
  terminal.print(`This machine is the host ${done.id} now.\n`)
}
