import { Option } from 'commander'
import type { Command } from 'commander'
import { breakLock, restoreClusterVolume, wipeClusterVolume } from './cluster-volume-changes.ts'
import type { BreakOptions } from './cluster-volume-changes.ts'
import { inspectClusterVolume } from './cluster-volume-views.ts'
import type { Context, Open } from './context.ts'
import { adoptVolume, forgetVolume, restoreVolume, wipeVolume } from './volume-changes.ts'
import type { Asking } from './volume-changes.ts'
import { listVolumes } from './volume-list.ts'
import { DRIVERS, pluginOf } from './volume-plugins.ts'
import type { Choice, VolumeContext } from './volume-plugins.ts'
import { inspectVolume } from './volume-views.ts'

const HELP = `
A volume of berth-ssd is a whole disk of its host; one of berth-cluster is a
folder of the cluster file system, the same on every host. A volume that is
removed (docker volume rm, docker compose down --volumes) is parked: the engine
knows it no more, but its data stays, for as long as RETAIN (7 days) or the
volume's own -o retain= says, counted while the plugin runs. Until then
  berth volume restore NAME   makes it a volume again, as it was
  berth volume wipe NAME      destroys its data now, and frees the disk
After that time the disk is wiped, and free for another volume; the folder is
destroyed. A volume of a folder that was there before it (-o path=) is only
forgotten: the folder stays where it is.

NAME is looked for on disks and in the cluster; where both have it, --driver ssd
or --driver cluster says which is meant.`

const LS_HELP = `
States of a volume on a disk:
  creating     its disk is marked and formatted; nobody can use it yet
  ready        the engine can use it
  parked       removed, its data kept (see berth volume --help)
  wiping       its disk is made blank
  quarantined  its disk is not as Berth left it, as PROBLEM says; nothing is
               written to it, until berth disk wipe says that all may go
  missing      it was there, and its record was lost (see berth volume adopt
               --help)

MOUNTS counts what the engine mounted and has not unmounted. A disk that is not
there shows with its serial number: the volume works again when the disk is
back, in whatever slot.

States of a volume in the cluster:
  making       its folder is being made
  ready        every host can use it
  removing     its folder is being put aside
  restoring    its folder is being put back
  parked       removed, its data kept (see berth volume --help)
  destroying   its data is being destroyed

FOLDER is below CLUSTER_ROOT. USED BY are the hosts that have it mounted. HERE
is what this one has: taken; not told yet, mounted while the store was away;
lost, taken from this host by an operator or removed, while containers that
still run may go on writing to it: stop them.`

const RESTORE_HELP = `
Only a volume that is parked can be restored. It has the name, the options, the
data and the disk or folder that it had before. A volume of the cluster may also
be named by its id, which tells it from others of its name.

What was removed, and by mistake?
  berth volume ls
  berth volume restore db`

const WIPE_HELP = `
The volume must be parked: docker volume rm NAME first.

In the cluster, its folder is destroyed, from whichever host.

What wipe does to a disk:
  - Proves once more, with the disk held so that nobody else has it, that the
    disk is this volume's. Where it is not, nothing is written.
  - Discards all of the disk, or writes zeros where the disk keeps what was
    discarded. Then it must pass for blank, as a new disk must.
  - Survives a crash: the plugin goes on where it was.
What it does not:
  - It is no proof against a laboratory: SSDs keep copies in cells that no host
    can reach. Destroy such data with the disk's own secure erase.
  - It cannot be stopped, and the volume cannot be restored.

It only begins: berth volume ls shows how far it is, and berth disks when the
disk is free.`

const ADOPT_HELP = `
Makes a volume of this host of a disk that carries one, but of which the host
has no record: its state directory was lost or set back, or the disk comes from
another host. berth disks shows such a disk as orphan. Its name, options and
file system are read from the disk; its data is not touched.

DISK is a kernel's name, a path, a serial number, a world wide name, or a key as
berth disks --json shows it.

While a record is missing, the engine is told nothing about that volume, rather
than that it is gone. Where its disk is gone as well, berth volume forget NAME
ends this.

Only one host may have the disk: adopt none that another host can reach and
still uses. What this host has by that name already is never replaced.

The state directory of this host was lost:
  berth disks
  berth volume adopt nvme1n1
  berth volume ls`

const FORGET_HELP = `
For a volume whose disk is gone for good, be its record there or lost as well.
While the disk is there, this is refused. The engine is told from then on that
there is no such volume; its name may be given to another. No disk is written:
if that disk does return, berth disks shows it as orphan, and berth volume adopt
takes it.`

const BREAK_HELP = `
An exclusive volume is mounted on one host at a time. If that host dies, it
keeps the volume, since nobody else can know that its containers are dead, and a
volume that any host has mounted cannot be removed. By breaking its hold you
give your word that they are.

Nothing fences a host that writes to a file system: containers of that host that
still run go on writing, also while another host has the volume, and both may
destroy each other's data. Do it only if the host is dead, or cut off from the
file system: switch it off first, or evict it there (ceph osd blocklist, an
export that is withdrawn).

What break-lock promises:
  - No mount that the host asked for before takes effect afterwards.
  - When the host is back, it finds out, and says so in its log and in berth
    volume ls: stop its containers that use the volume.
What it does not:
  - It stops no container, and unmounts nothing.

rack1-07 is dead, and db is to run elsewhere:
  berth volume ls
  berth volume break-lock db --host rack1-07`

/** How the context is found of a command that is for volumes of either kind. */
type OpenAll = (command: Command) => VolumeContext
type Opens = {
  readonly all: OpenAll
  readonly ssd: Open
  readonly cluster: Open
}

export function addVolume(program: Command, opens: Opens): void {
  const volume = program
    .command('volume')
    .summary('the volumes, on disks and in the cluster, also those that were removed')
    .description('Shows volumes, brings removed ones back, and destroys them for good.')
    .addHelpText('after', HELP)
  addViews(volume, opens)
  addParking(volume, opens)
  addDecisions(volume, opens)
}

const driverOption = () =>
  new Option('--driver <driver>', 'only the volumes of berth-ssd or berth-cluster').choices(DRIVERS)

function addViews(volume: Command, { all }: Opens): void {
  volume
    .command('ls')
    .summary('all volumes, and how each is')
    .description('Shows all volumes, also those that the engine knows no more.')
    .addOption(driverOption())
    .addHelpText('after', LS_HELP)
    .action((choice: Choice, command: Command) => listVolumes(all(command), choice))
  volume
    .command('inspect <name>')
    .summary('all about one volume')
    .description('Shows all about one volume: where its data is, and who has it mounted.')
    .addOption(driverOption())
    .action((name: string, choice: Choice, command: Command) =>
      either(all(command), name, choice, {
        ssd: context => inspectVolume(context, name),
        cluster: context => inspectClusterVolume(context, name),
      }),
    )
}

function addParking(volume: Command, { all }: Opens): void {
  volume
    .command('restore <name>')
    .summary('bring a removed volume back')
    .description('Brings a removed volume back, while its data is still kept.')
    .addOption(driverOption())
    .addHelpText('after', RESTORE_HELP)
    .action((name: string, choice: Choice, command: Command) =>
      either(all(command), name, choice, {
        ssd: context => restoreVolume(context, name),
        cluster: context => restoreClusterVolume(context, name),
      }),
    )
  volume
    .command('wipe <name>')
    .summary("destroy a removed volume's data now")
    .description("Destroys a removed volume's data, and makes its disk free again.")
    .addOption(driverOption())
    .option('--yes', 'do not ask')
    .addHelpText('after', WIPE_HELP)
    .action((name: string, options: Choice & Asking, command: Command) =>
      either(all(command), name, options, {
        ssd: context => wipeVolume(context, name, options),
        cluster: context => wipeClusterVolume(context, name, options),
      }),
    )
}

function addDecisions(volume: Command, { ssd, cluster }: Opens): void {
  volume
    .command('break-lock <name>')
    .summary('take a volume of the cluster from a host that is dead')
    .description('Takes a volume of the cluster from a host that has it mounted, and is dead.')
    .option('--host <host>', 'from which, where several hosts have it: a name or an id')
    .option('--yes', 'do not ask')
    .addHelpText('after', BREAK_HELP)
    .action((name: string, options: BreakOptions, command: Command) =>
      breakLock(cluster(command), name, options),
    )
  volume
    .command('adopt <disk>')
    .summary('take a volume whose record was lost, or that came from another host')
    .description('Makes a volume of this host of a disk that carries one already.')
    .addHelpText('after', ADOPT_HELP)
    .action((disk: string, _: object, command: Command) => adoptVolume(ssd(command), disk))
  volume
    .command('forget <name>')
    .summary('give up a volume whose disk is gone for good')
    .description('Gives up a volume whose disk is gone for good.')
    .option('--yes', 'do not ask')
    .addHelpText('after', FORGET_HELP)
    .action((name: string, options: Asking, command: Command) =>
      forgetVolume(ssd(command), name, options),
    )
}

/** Does what is to be done to a volume of the kind that this one is. */
async function either(
  context: VolumeContext,
  name: string,
  choice: Choice,
  todo: Readonly<Record<(typeof DRIVERS)[number], (context: Context) => Promise<void>>>,
): Promise<void> {
  const { driver, api } = await pluginOf(context, name, choice)
  await todo[driver]({ ...context, api })
}
