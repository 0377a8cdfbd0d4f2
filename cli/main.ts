import { Command, CommanderError } from 'commander'
import { addAddresses } from './addresses.ts'
import { AdminClient } from './client.ts'
import { addCluster } from './cluster.ts'
import type { Open } from './context.ts'
import { addDisk } from './disk.ts'
import { addDisks } from './disks.ts'
import { addDoctor } from './doctor.ts'
import { addHost } from './host.ts'
import { Failure, WrongUsage } from './failure.ts'
import { addHosts } from './hosts.ts'
import { addPools } from './pools.ts'
import { addRecover } from './recovery.ts'
import { addStatus } from './status.ts'
import { Terminal } from './terminal.ts'
import { addVolume } from './volume.ts'
import { pluginAt } from './volume-plugins.ts'
import type { VolumeContext, VolumePlugin } from './volume-plugins.ts'

/** Where each plugin answers, unless a variable of the environment names another place. */
const IPAM = { variable: 'BERTH_SOCKET', socket: '/var/lib/berth/ipam/admin.sock' }
const SSD = { variable: 'BERTH_VOLUME_SOCKET', socket: '/var/lib/berth/ssd/admin.sock' }
const CLUSTER = { variable: 'BERTH_CLUSTER_SOCKET', socket: '/var/lib/berth/cluster/admin.sock' }

const HELP = `
berth asks this host's plugins, each through a socket that is for root alone:
  disk, disks, volume  BERTH_VOLUME_SOCKET, else ${SSD.socket}
  cluster, volume      BERTH_CLUSTER_SOCKET, else
                       ${CLUSTER.socket}
  all other commands   BERTH_SOCKET, else ${IPAM.socket}
--socket goes before these. Disks, and the volumes on them, are those of this
host. What is said of addresses, and of volumes in the cluster, is the same on
every host that shares the store, but for what is of this host: status, and HERE
of pools and volumes. doctor looks at the host itself, and needs no plugin.

Exit status: 0 fine; 1 refused or failed, with the reason on stderr; 2 wrong
usage.

  berth pools
  berth addresses --host rack1-07
  berth hosts --json | jq '.hosts[] | select(.state == "silent").name'
  berth disks`

const { stdin, stdout, stderr } = process
const terminal = new Terminal(stdin, stdout, stderr, stdin.isTTY && stderr.isTTY)

const usual = ({ variable, socket }: typeof IPAM) =>
  new AdminClient(process.env[variable] || socket, undefined, variable)

const optionsOf = (command: Command) => command.optsWithGlobals<{ socket?: string; json?: true }>()

const opening =
  (plugin: typeof IPAM): Open =>
  command => {
    const { socket, json } = optionsOf(command)
    const api = socket ? new AdminClient(socket, undefined, plugin.variable) : usual(plugin)
    return { api, terminal, json: json === true }
  }

/** Of what is for volumes of either kind. */
function openVolumes(command: Command): VolumeContext {
  const { socket, json } = optionsOf(command)
  const plugins = async (): Promise<readonly VolumePlugin[]> => {
    if (socket) return [await pluginAt(new AdminClient(socket, undefined, SSD.variable))]
    return [
      { driver: 'ssd', api: usual(SSD) },
      { driver: 'cluster', api: usual(CLUSTER) },
    ]
  }
  return { plugins, terminal, json: json === true }
}

const program = new Command('berth')
  .description('Shows who holds which address, disk and volume, and does what only operators may.')
  .option('--socket <path>', "the plugin's admin socket")
  .option('--json', "print the API's JSON, one document, for programs")
  .configureHelp({ showGlobalOptions: true })
  .addHelpText('after', HELP)
  .showHelpAfterError('(see --help)')
  .exitOverride()

const open = opening(IPAM)
addStatus(program, open)
addPools(program, open)
addAddresses(program, open)
addHosts(program, open)
addHost(program, open)
addRecover(program, open)

const openDisks = opening(SSD)
const openCluster = opening(CLUSTER)
addVolume(program, { all: openVolumes, ssd: openDisks, cluster: openCluster })
addCluster(program, openCluster)
addDoctor(program, openCluster)
addDisks(program, openDisks)
addDisk(program, openDisks)

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
