import type { Command } from 'commander'
import { hosts } from './answers.ts'
import type { Host } from './answers.ts'
import { printJson } from './context.ts'
import type { Context, Open } from './context.ts'
import { Failure } from './failure.ts'
import { meantBy } from './meant.ts'
import { table } from './table.ts'
import { ago } from './words.ts'

const HELP = `
States:
  active      seen lately
  silent      not seen for a while; it keeps all that it has, however long
  evicted     an operator took everything from it; it claims again if it returns
  recovering  etcd was restored, and the host has not yet claimed again what it
              holds (see berth recover --help)`

export function addHosts(program: Command, open: Open): void {
  program
    .command('hosts')
    .summary('the hosts, and when each was last seen')
    .description('Shows the hosts that share addresses, and when each was last seen.')
    .addHelpText('after', HELP)
    .action((_: object, command: Command) => showHosts(open(command)))
}

async function showHosts(context: Context): Promise<void> {
  const answer = await context.api.get('/v1/hosts', hosts)
  if (context.json) return printJson(context, answer)
  const headings = ['NAME', 'STATE', 'SEEN', 'GENERATION', 'VERSION', 'ID']
  const now = Date.now()
  const rows = answer.hosts.map(host => [
    host.self ? `${host.name} (this host)` : host.name,
    host.recovery === undefined ? host.state : `${host.state} (${host.recovery})`,
    seenOf(host, now),
    String(host.generation),
    host.version,
    host.id,
  ])
  context.terminal.print(table(headings, rows))
}

export const seenOf = ({ seen }: Host, now: number): string =>
  seen === undefined ? 'never' : ago(seen, now)

/**
 * The host with that id, else the only one with that name, else the only one whose id begins so.
 *
 * @param isWhole the beginning of an id is not enough: nobody is asked whether that one is meant
 * @throws {Failure} where none or several could be meant
 */
export function findHost(all: readonly Host[], wanted: string, isWhole = false): Host {
  const least = isWhole ? undefined : 1
  const meant = meantBy(all, wanted, { id: each => each.id, name: each => each.name, least })
  const [host, ...others] = meant
  if (host && others.length === 0) return host
  if (host) {
    const ids = meant.map(each => `${each.id} (${each.name}, ${each.state})`)
    throw new Failure(`"${wanted}" may be any of ${ids.join(', ')}: name it by its id`)
  }
  const there = all.map(({ name }) => name).join(', ')
  throw new Failure(`There is no host "${wanted}"; there are ${there || 'none'}`)
}
