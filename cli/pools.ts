import type { Command } from 'commander'
import { pools } from './answers.ts'
import type { Pool } from './answers.ts'
import { printJson } from './context.ts'
import type { Context, Open } from './context.ts'
import { table } from './table.ts'
import { count, exactDuration, some } from './words.ts'

const HELP = `
A subnet is shown once, however many hosts and networks use it. HERE is how many
networks of this host do; "lost" are those whose subnet was taken from this host
by an eviction, until it has joined it again or they are removed.`

export function addPools(program: Command, open: Open): void {
  program
    .command('pools')
    .summary('the subnets, and the hosts that use each')
    .description('Shows the subnets that Berth gives addresses from, and the hosts that use each.')
    .addHelpText('after', HELP)
    .action((_: object, command: Command) => showPools(open(command)))
}

async function showPools(context: Context): Promise<void> {
  const answer = await context.api.get('/v1/pools', pools)
  if (context.json) return printJson(context, answer)
  if (answer.pools.length === 0) {
    return context.terminal.print(
      'There is no pool: a network created with --ipam-driver berth-ipam:latest makes one.\n',
    )
  }
  const headings = ['SEGMENT', 'SUBNET', 'GATEWAY', 'AUX', 'EXCLUDED', 'COOLDOWN', 'HOSTS', 'HERE']
  context.terminal.print(table(headings, answer.pools.map(rowOf)))
}

function rowOf(pool: Pool): (string | undefined)[] {
  return [
    pool.segment,
    pool.subnet,
    pool.gateway,
    some(pool.aux),
    some(pool.exclusions),
    exactDuration(pool.cooldownMs),
    some(pool.hosts),
    pool.here.map(networksOf).join(', '),
  ]
}

function networksOf({ state, networks }: Pool['here'][number]): string {
  const text = count(networks, 'network', 'networks')
  return state === 'joined' ? text : `${text} ${state}`
}
