import { BlockList, isIP } from 'node:net'
import { Option } from 'commander'
import type { Command } from 'commander'
import { addresses } from './answers.ts'
import type { Address } from './answers.ts'
import type { AdminClient } from './client.ts'
import { printJson } from './context.ts'
import type { Context, Open } from './context.ts'
import { WrongUsage } from './failure.ts'
import { table } from './table.ts'
import { ago, duration } from './words.ts'

const PAGE = 1000

const HELP = `
States: used by a container; idle, released and given again once it has rested;
shared, a gateway or auxiliary address. What nobody has had yet is not listed.

--pool takes a subnet, or a pool's id as berth pools --json shows it. An idle
address lies in a subnet, and belongs to no pool any more.

Who has 192.0.2.17? What does rack1-07 hold?
  berth addresses --pool 192.0.2.17/32
  berth addresses --host rack1-07 --state used`

type Filters = {
  readonly pool?: string
  readonly host?: string
  readonly state?: string
  readonly segment?: string
}
type Filter = (address: Address) => boolean

export function addAddresses(program: Command, open: Open): void {
  program
    .command('addresses')
    .summary('who holds which address')
    .description('Shows all addresses that are in use, at rest, or shared as gateway or auxiliary.')
    .option('--pool <subnet|id>', 'only those of this subnet or pool')
    .option('--host <name>', 'only those held by the host of this name or id')
    .addOption(
      new Option('--state <state>', 'only those in this state').choices(['used', 'idle', 'shared']),
    )
    .option('--segment <segment>', 'only those of this segment')
    .addHelpText('after', HELP)
    .action((filters: Filters, command: Command) => showAddresses(open(command), filters))
}

async function showAddresses(context: Context, filters: Filters): Promise<void> {
  const wanted = filterOf(filters)
  const found: Address[] = []
  for await (const page of pagesOf(context.api)) found.push(...page.filter(wanted))
  if (context.json) return printJson(context, { addresses: found })
  if (found.length === 0) return context.terminal.print('There is no such address.\n')
  const headings = ['SEGMENT', 'ADDRESS', 'STATE', 'HOST', 'MAC', 'NAME', 'SINCE']
  const now = Date.now()
  const rows = found.map(each => rowOf(each, now))
  context.terminal.print(table(headings, rows))
}

async function* pagesOf(api: AdminClient): AsyncGenerator<readonly Address[]> {
  let after: string | undefined
  do {
    const query = new URLSearchParams({ limit: String(PAGE), ...(after ? { after } : {}) })
    const page = await api.get(`/v1/addresses?${query.toString()}`, addresses)
    yield page.addresses
    after = page.next
  } while (after !== undefined)
}

function rowOf(each: Address, now: number): (string | undefined)[] {
  const { segment, address, state, hostName, host, mac, name } = each
  return [segment, address, state, hostName ?? host, mac, name, sinceOf(each, now)]
}

function sinceOf({ since, until }: Address, now: number): string | undefined {
  if (since !== undefined) return ago(since, now)
  if (until === undefined) return undefined
  return until > now ? `rests ${duration(until - now)} more` : 'has rested'
}

function filterOf({ pool, host, state, segment }: Filters): Filter {
  const filters: Filter[] = []
  if (pool !== undefined) filters.push(poolFilter(pool))
  if (host !== undefined) filters.push(each => each.hostName === host || each.host === host)
  if (state !== undefined) filters.push(each => each.state === state)
  if (segment !== undefined) filters.push(each => each.segment === segment)
  return each => filters.every(filter => filter(each))
}

function poolFilter(pool: string): Filter {
  if (pool.includes('~')) return each => each.pool === pool || each.pools?.includes(pool) === true
  const [base = '', length = '', ...rest] = pool.split('/')
  const bits = { 0: 0, 4: 32, 6: 128 }[isIP(base)] ?? 0
  if (bits === 0 || rest.length > 0 || !/^\d{1,3}$/.test(length) || Number(length) > bits) {
    throw new WrongUsage(
      `--pool takes a subnet such as 192.0.2.0/24, or a pool's id such as default~192.0.2.0/24~-: "${pool}" is neither`,
    )
  }
  const subnet = new BlockList()
  subnet.addSubnet(base, Number(length), familyOf(base))
  return ({ address }) => subnet.check(address, familyOf(address))
}

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')
