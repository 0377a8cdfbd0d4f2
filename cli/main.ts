import { Command, CommanderError, Option } from 'commander'
import { addAddresses } from './addresses.ts'
import { AdminClient } from './client.ts'
import type { Open } from './context.ts'
import { addHost } from './host.ts'
import { Failure, WrongUsage } from './failure.ts'
import { addHosts } from './hosts.ts'
import { addPools } from './pools.ts'
import { addRecover } from './recovery.ts'
import { addStatus } from './status.ts'
import { Terminal } from './terminal.ts'

const SOCKET = '/var/lib/berth/ipam/admin.sock'

const HELP = `
berth asks the plugin of this host, through a socket that is for root alone. The
answer is the same on every host that shares the store, but for what is of this
host: status, and HERE of pools.

Exit status: 0 fine; 1 refused or failed, with the reason on stderr; 2 wrong
usage.

  berth pools
  berth addresses --host rack1-07
  berth hosts --json | jq '.hosts[] | select(.state == "silent").name'`

const { stdin, stdout, stderr } = process
const terminal = new Terminal(stdin, stdout, stderr, stdin.isTTY && stderr.isTTY)

const open: Open = command => {
  const { socket, json } = command.optsWithGlobals<{ socket: string; json?: true }>()
  return { api: new AdminClient(socket), terminal, json: json === true }
}

const program = new Command('berth')
  .description('Shows who holds which address, and takes dead hosts out.')
  .addOption(
    new Option('--socket <path>', "the plugin's admin socket").env('BERTH_SOCKET').default(SOCKET),
  )
  .option('--json', "print the API's JSON, one document, for programs")
  .configureHelp({ showGlobalOptions: true })
  .addHelpText('after', HELP)
  .showHelpAfterError('(see --help)')
  .exitOverride()

addStatus(program, open)
addPools(program, open)
addAddresses(program, open)
addHosts(program, open)
addHost(program, open)
addRecover(program, open)

// Whoever reads the output, such as head, may have seen enough; else it is incomplete.
stdout.on('error', error => process.exit('code' in error && error.code === 'EPIPE' ? 0 : 1))
try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

function exitCodeOf(error: unknown): number {
  // commander has said it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const isOurs = error instanceof Failure || error instanceof WrongUsage
  terminal.note(`berth: ${isOurs ? error.message : String((error as Error).stack)}\n`)
  return error instanceof WrongUsage ? 2 : 1
}
