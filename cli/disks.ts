import type { Command } from 'commander'
import { printJson } from './context.ts'
import type { Context, Open } from './context.ts'
import { Failure } from './failure.ts'
import { table } from './table.ts'
import { disks, volumeSelf } from './volume-answers.ts'
import type { Disk } from './volume-answers.ts'
import { noteSelf } from './volume-views.ts'
import { size } from './words.ts'

const HELP = `
States:
  free     a volume may take it; once more it is proved blank before it is
           written
  claimed  it is a volume's, also of one that was removed and is kept (see berth
           volume --help), or it is being wiped
  orphan   it carries a volume of Berth's that this host has no record of (see
           berth volume adopt --help)
  used     it is none of Berth's business, for every reason that WHY gives

No disk is free unless SSD_DEVICES names it, and SSD_DENY does not. A disk with
anything on it is never free: whatever is no longer needed there, berth disk
wipe removes.`

export function addDisks(program: Command, open: Open): void {
  program
    .command('disks')
    .summary('the disks of this host: free, or why not')
    .description('Shows every disk of this host: free, whose it is, or every reason why not.')
    .addHelpText('after', HELP)
    .action((_: object, command: Command) => showDisks(open(command)))
}

async function showDisks(context: Context): Promise<void> {
  const answer = await context.api.get('/v1/disks', disks)
  if (context.json) return printJson(context, answer)
  noteSelf(context, await context.api.get('/v1/self', volumeSelf))
  if (answer.disks.length === 0) return context.terminal.print('This host has no disk.\n')
  const headings = ['DISK', 'STATE', 'SIZE', 'TRANSPORT', 'MODEL', 'SERIAL', 'WHY']
  context.terminal.print(table(headings, answer.disks.flatMap(rowsOf)))
}

/** Each reason on a line of its own, the first beside the disk. */
function rowsOf(disk: Disk): (string | undefined)[][] {
  const { device, state, transport, model } = disk
  const [first, ...others] = whyOf(disk)
  const row = [device, state, size(disk.size), transport, model, disk.serial || disk.wwid, first]
  return [row, ...others.map(why => [...row.slice(1).map(() => ' '), why])]
}

/** Of a volume whose record is lost, what the tools find is that volume: to wipe the disk is not the advice. */
const ITS_OWN: readonly string[] = ['signatures', 'content']

/** All that stands against taking it. */
export function whyOf({ device, state, volume, reasons }: Disk): readonly string[] {
  if (state !== 'orphan') return reasons.map(({ text }) => text)
  const others = reasons.filter(({ code }) => !ITS_OWN.includes(code)).map(({ text }) => text)
  // The name is empty where the volume was never finished.
  const whose = volume?.name
    ? `it is the volume ${volume.name}, whose record is lost: berth volume adopt ${device}`
    : `a volume on it was never finished: berth disk wipe ${device}`
  return [whose, ...others]
}

/**
 * The only disk with that kernel's name, path, key, serial number or world wide name.
 *
 * @throws {Failure} where none or several could be meant
 */
export function findDisk(all: readonly Disk[], wanted: string): Disk {
  const meant = all.filter(({ device, node, key, serial, wwid }) =>
    [device, node, key, serial, wwid].some(each => each !== '' && each === wanted),
  )
  const [disk, ...others] = meant
  if (disk && others.length === 0) return disk
  if (disk) {
    const names = meant.map(({ device }) => device).join(', ')
    throw new Failure(`"${wanted}" may be any of ${names}: name one of these`)
  }
  const there = all.map(({ device }) => device).join(', ')
  throw new Failure(`There is no disk "${wanted}"; there are ${there || 'none'}`)
}
