import type { Command } from 'commander'
import { self } from './answers.ts'
import type { Self } from './answers.ts'
import { printJson } from './context.ts'
import type { Context, Open } from './context.ts'
import { table } from './table.ts'
import { count } from './words.ts'

const HELP = `
States of this host:
  serving     it gives and takes back addresses
  starting    it reads its state, or waits for etcd to do so
  store-away  etcd does not answer: the host keeps what it has, releases are
              queued, no address is given
  suspended   it gives no address until an operator decides what the reason says
  returning   it was evicted, or etcd was restored: it claims again what its
              containers hold

Lost are addresses that containers of this host may still use although it holds
them no longer: they were given away, or may be, since it was evicted. Remove
those containers, or start them again.`

const MEANINGS: Readonly<Record<string, string>> = {
  serving: 'serving',
  starting: 'starting',
  'store-away': 'store-away: the host keeps what it has, no address is given',
  suspended: 'suspended: no address is given until an operator decides',
  returning: 'returning: the host claims again what its containers hold',
}

export function addStatus(program: Command, open: Open): void {
  program
    .command('status')
    .summary('how the plugin of this host is')
    .description('Shows how the plugin of this host is, and what it has lost.')
    .addHelpText('after', HELP)
    .action((_: object, command: Command) => showStatus(open(command)))
}

async function showStatus(context: Context): Promise<void> {
  const answer = await context.api.get('/v1/self', self)
  if (context.json) return printJson(context, answer)
  const releases = count(answer.queuedReleases, 'release waits', 'releases wait')
  context.terminal.print(
    table(
      ['HOST', answer.name],
      [
        ['ID', answer.id],
        ['STATE', MEANINGS[answer.state] ?? answer.state],
        ...(answer.reason === undefined ? [] : [['REASON', answer.reason]]),
        ['QUEUED', `${releases} to be delivered`],
        [
          'LOST',
          answer.lost.length === 0 ? 'nothing' : count(answer.lost.length, 'address', 'addresses'),
        ],
      ],
    ),
  )
  if (answer.lost.length > 0) context.terminal.print(`\n${lostTable(answer)}`)
}

function lostTable({ lost }: Self): string {
  return table(
    ['SEGMENT', 'LOST ADDRESS', 'POOL'],
    lost.map(({ segment, address, pool }) => [segment, address, pool]),
  )
}
