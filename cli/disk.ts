import type { Command } from 'commander'
import { printJson } from './context.ts'
import type { Context, Open } from './context.ts'
import { findDisk, whyOf } from './disks.ts'
import { Failure, WrongUsage } from './failure.ts'
import { table } from './table.ts'
import { disks, oneDisk } from './volume-answers.ts'
import type { Disk } from './volume-answers.ts'
import { exactSize } from './words.ts'

/** The disk is opened, and what is on it is looked at. */
const LOOK_MS = 2 * 60_000

const LABEL_HELP = `
DISK is a kernel's name, a path, a serial number, a world wide name, or a key as
berth disks --json shows it. Labels stay with the disk, whatever its name is
after the next boot.

Each disk has labels of itself, such as class, model and transport. NAME=VALUE
sets one, also one of those; NAME- takes it away, and shows the disk's own
again. Without either, the labels are shown. A volume may require them:
  berth disk label nvme0n1 rack=top tier=fast
  docker volume create -d berth-ssd:latest -o require=tier=fast db
  berth disk label nvme0n1 tier-`

const WIPE_HELP = `
Makes a disk free that has something on it: data of an earlier use, a partition
table, a volume of Berth's that is quarantined, or an orphan that nobody wants
back. For a volume that was removed, say berth volume wipe.

You see what the disk is, and what was found on it, and type its serial number;
of a disk without one its world wide name, of a loop device its backing file.
Where nobody can be asked, --serial gives it.

What wipe does:
  - Opens the disk so that nobody else has it: one that is mounted, swapped to,
    or part of a RAID or of LVM is refused, and so is one that Berth may not
    take (SSD_DEVICES, SSD_DENY).
  - Discards all of it, or writes zeros where the disk keeps what was discarded.
    Then it must pass for blank, as a new disk must.
  - Survives a crash: the plugin goes on where it was, if the disk is still the
    one that you saw.
What it does not:
  - It is no proof against a laboratory: SSDs keep copies in cells that no host
    can reach. Destroy such data with the disk's own secure erase.
  - It cannot be undone, and not be stopped.

It only begins: berth volume ls shows how far it is, on a line without a name.`

export function addDisk(program: Command, open: Open): void {
  const disk = program
    .command('disk')
    .summary('label a disk, or wipe one that nobody needs')
    .description('Decides over a disk what only an operator can know.')
  disk
    .command('label <disk> [labels...]')
    .usage('[options] <disk> [name=value...] [name-...]')
    .summary("show or change a disk's labels")
    .description('Shows the labels of a disk, or changes those that are given.')
    .addHelpText('after', LABEL_HELP)
    .action((wanted: string, labels: readonly string[], _: object, command: Command) =>
      label(open(command), wanted, labels),
    )
  disk
    .command('wipe <disk>')
    .summary('destroy what is on a disk, and make it free')
    .description('Destroys what is on a disk that is in no use, and makes it free.')
    .option('--serial <serial>', "the disk's serial number, instead of being asked")
    .addHelpText('after', WIPE_HELP)
    .action((wanted: string, options: WipeOptions, command: Command) =>
      wipe(open(command), wanted, options),
    )
}

type WipeOptions = { readonly serial?: string }

async function label(context: Context, wanted: string, labels: readonly string[]): Promise<void> {
  const { api, terminal, json } = context
  const change = changeOf(labels)
  const answer =
    labels.length === 0
      ? { disk: findDisk((await api.get('/v1/disks', disks)).disks, wanted) }
      : await api.post(`/v1/disks/${encodeURIComponent(wanted)}/labels`, oneDisk, change)
  if (json) return printJson(context, answer)
  const rows = Object.entries(answer.disk.labels).toSorted(([a], [b]) => (a < b ? -1 : 1))
  terminal.print(table(['LABEL', 'VALUE'], rows))
}

/** @throws {WrongUsage} */
function changeOf(labels: readonly string[]): { set: Record<string, string>; remove: string[] } {
  const set = new Map<string, string>()
  const remove = new Set<string>()
  for (const each of labels) {
    const [, name, value] = /^([^=]+?)(?:=(.*)|-)$/s.exec(each) ?? []
    if (name === undefined) {
      throw new WrongUsage(`"${each}" neither sets a label (NAME=VALUE) nor takes one away (NAME-)`)
    }
    if (set.has(name) || remove.has(name)) {
      throw new WrongUsage(`The label ${name} is given twice: which is meant?`)
    }
    if (value === undefined) remove.add(name)
    else set.set(name, value)
  }
  return { set: Object.fromEntries(set), remove: [...remove] }
}

async function wipe(context: Context, wanted: string, { serial }: WipeOptions): Promise<void> {
  const { api, terminal, json } = context
  const disk = findDisk((await api.get('/v1/disks', disks)).disks, wanted)
  const { key, what, text } = proofOf(disk)
  if (serial === undefined) {
    await terminal.confirm(warningOf(disk), `its ${what}`, text, `--serial, and its ${what}`)
  } else if (serial !== text) {
    throw new Failure(`Nothing was done: "${serial}" is not the ${what} of ${disk.device}`)
  }
  // By its key: another disk may have its name by now.
  const answer = await api.post(`/v1/disks/${key}/wipe`, oneDisk, { confirm: text }, LOOK_MS)
  if (json) return printJson(context, answer)
  terminal.print(
    `${answer.disk.device} is being wiped. berth volume ls shows how far it is; once it is gone from there, berth disks shows the disk as free.\n`,
  )
}

/**
 * What only somebody types who means this disk.
 *
 * @throws {Failure} where there is nothing that tells it from others
 */
function proofOf(disk: Disk) {
  const { key, device } = disk
  const [what, text] = proof(disk)
  if (key === undefined || text === '') {
    throw new Failure(
      `${device} has neither serial number nor world wide name: it could be mistaken for another, so Berth never writes to it`,
    )
  }
  return { key, what, text }
}

function proof({ serial, wwid, transport }: Disk): readonly [what: string, text: string] {
  if (transport === 'loop') return ['backing file', serial.replace(/^loop:/, '').trim()]
  if (serial.trim() !== '') return ['serial number', serial.trim()]
  return ['world wide name', wwid.trim()]
}

function warningOf(disk: Disk): string {
  const { node, model, serial, wwid, transport, state } = disk
  const [first, ...others] = whyOf(disk)
  const rows = [
    ['MODEL', model],
    ['SIZE', exactSize(disk.size)],
    ['SERIAL', serial],
    ['WWID', wwid],
    ['TRANSPORT', transport],
    ['STATE', state],
    ['FOUND', first],
    ...others.map(each => [' ', each]),
  ]
  return `${table(['DISK', node], rows)}
All that is on this disk is to be destroyed: nothing brings it back.`
}
