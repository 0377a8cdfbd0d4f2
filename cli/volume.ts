import type { Command } from 'commander'
import type { Open } from './context.ts'
import { adoptVolume, forgetVolume, restoreVolume, wipeVolume } from './volume-changes.ts'
import type { Asking } from './volume-changes.ts'
import { inspectVolume, listVolumes } from './volume-views.ts'

const HELP = `
A volume of berth-ssd is a whole disk of its host. A volume that is removed
(docker volume rm, docker compose down --volumes) is parked: the engine knows it
no more, but its data stays, for as long as RETAIN (7 days) or the volume's own
-o retain= says, counted while the plugin runs. Until then
  berth volume restore NAME   makes it a volume again, as it was
  berth volume wipe NAME      destroys its data now, and frees the disk
After that time the disk is wiped, and free for another volume.`

const LS_HELP = `
States:
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
back, in whatever slot.`

const RESTORE_HELP = `
Only a volume that is parked can be restored. It has the name, the options, the
data and the disk that it had before.

What was removed, and by mistake?
  berth volume ls
  berth volume restore db`

const WIPE_HELP = `
The volume must be parked: docker volume rm NAME first.

What wipe does:
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

export function addVolume(program: Command, open: Open): void {
  const volume = program
    .command('volume')
    .summary('the volumes on disks of this host, also those that were removed')
    .description('Shows volumes, brings removed ones back, and destroys them for good.')
    .addHelpText('after', HELP)
  volume
    .command('ls')
    .summary('all volumes, and how each is')
    .description('Shows all volumes of this host, also those that the engine knows no more.')
    .addHelpText('after', LS_HELP)
    .action((_: object, command: Command) => listVolumes(open(command)))
  volume
    .command('inspect <name>')
    .summary('all about one volume')
    .description('Shows all about one volume: its disk, its file system, who has it mounted.')
    .action((name: string, _: object, command: Command) => inspectVolume(open(command), name))
  volume
    .command('restore <name>')
    .summary('bring a removed volume back')
    .description('Brings a removed volume back, while its data is still kept.')
    .addHelpText('after', RESTORE_HELP)
    .action((name: string, _: object, command: Command) => restoreVolume(open(command), name))
  volume
    .command('wipe <name>')
    .summary("destroy a removed volume's data, and free its disk")
    .description("Destroys a removed volume's data, and makes its disk free again.")
    .option('--yes', 'do not ask')
    .addHelpText('after', WIPE_HELP)
    .action((name: string, options: Asking, command: Command) =>
      wipeVolume(open(command), name, options),
    )
  volume
    .command('adopt <disk>')
    .summary('take a volume whose record was lost, or that came from another host')
    .description('Makes a volume of this host of a disk that carries one already.')
    .addHelpText('after', ADOPT_HELP)
    .action((disk: string, _: object, command: Command) => adoptVolume(open(command), disk))
  volume
    .command('forget <name>')
    .summary('give up a volume whose disk is gone for good')
    .description('Gives up a volume whose disk is gone for good.')
    .option('--yes', 'do not ask')
    .addHelpText('after', FORGET_HELP)
    .action((name: string, options: Asking, command: Command) =>
      forgetVolume(open(command), name, options),
    )
}
