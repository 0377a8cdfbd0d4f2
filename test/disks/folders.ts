import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  type Dirent,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isSystemError } from '../../shared/system-error.ts'
import { identify, isAlive, type ProcessId } from '../engine/lab/processes.ts'
import { run } from '../engine/lab/run.ts'

export const PREFIX = 'berth-disk-'
const OWNER = 'owner.json'

/** Keeps a number for one test process, also while nothing is attached to it: for the whole machine, wherever its disks are. */
const NUMBERS = '/run'
const NUMBER = 'berth-loop-'
/** What the kernel shows of a volatile disk's file after its server was killed: its file system is not mounted any more. */
const LOST = '/disk'

/** A folder for disks, known to be this process's, so that whoever comes later can remove what it leaves behind. */
export function openFolder(): string {
  // Under another name until it tells whose it is.
  const draft = mkdtempSync(join(tmpdir(), `draft-${PREFIX}`))
  writeFileSync(join(draft, OWNER), ownerText())
  const folder = draft.replace(`draft-${PREFIX}`, PREFIX)
  renameSync(draft, folder)
  return folder
}

/** Unmounts and detaches all that stands on files of the folder, and removes it. Doing it twice does no harm. */
export async function removeFolder(folder: string): Promise<void> {
  for (const { name } of loopsOf(folder)) {
    await unmountDisk(name)
    await detach(name)
  }
  await unmountAll(({ at }) => at.startsWith(`${folder}/`))
  rmSync(folder, { recursive: true, force: true })
}

/** Wherever this process sees it mounted, or swapped to. */
export async function unmountDisk(name: string): Promise<void> {
  if (readText('/proc/swaps').includes(`/dev/${name} `)) await run('swapoff', [`/dev/${name}`])
  const number = readText(`/sys/block/${name}/dev`)
  // Some file systems have a number that is no disk's.
  await unmountAll(({ device, source }) => device === number || source === `/dev/${name}`)
}

/** Removes the disks of test processes that ended without doing it themselves. */
export async function removeLeftovers(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter(each => each.startsWith(PREFIX))) {
    const folder = join(tmpdir(), name)
    if (isOfTheDead(join(folder, OWNER))) await removeFolder(folder)
  }
  for (const file of readdirSync(NUMBERS).filter(each => each.startsWith(NUMBER))) {
    if (!isOfTheDead(join(NUMBERS, file))) continue
    const name = file.replace(NUMBER, 'loop')
    if (backingFile(name) === LOST) await detach(name)
    giveNumber(name)
  }
}

/** False where another test process has that device's number. */
export function takeNumber(name: string): boolean {
  try {
    writeFileSync(numberFile(name), ownerText(), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false
    throw error
  }
}

export function giveNumber(name: string): void {
  rmSync(numberFile(name), { force: true })
}

function numberFile(name: string): string {
  return join(NUMBERS, name.replace('loop', NUMBER))
}

/** The kernel keeps what is written to `rotational` for the number, not for the file. */
export async function detach(name: string): Promise<void> {
  try {
    writeFileSync(`/sys/block/${name}/queue/rotational`, '1')
    await run('losetup', ['-d', `/dev/${name}`])
  } catch (error) {
    if (backingFile(name) !== '') throw error
  }
}

/** Empty for a loop device that is not attached. */
export function backingFile(name: string): string {
  return readText(`/sys/block/${name}/loop/backing_file`)
}

function loopsOf(folder: string): readonly Dirent[] {
  return readdirSync('/sys/block', { withFileTypes: true }).filter(({ name }) =>
    backingFile(name).startsWith(`${folder}/`),
  )
}

type Mount = { readonly device: string; readonly at: string; readonly source: string }

async function unmountAll(which: (mount: Mount) => boolean): Promise<void> {
  const mounts = readText('/proc/self/mountinfo').split('\n').map(parseMount)
  for (const { at } of mounts.filter(which).toReversed()) await run('umount', ['--lazy', at])
}

function parseMount(line: string): Mount {
  const fields = line.split(' ')
  const source = fields[fields.indexOf('-') + 2] ?? ''
  return { device: fields[2] ?? '', at: fields[4] ?? '', source }
}

function ownerText(): string {
  const owner = identify(process.pid)
  if (!owner) throw new Error('/proc does not show this process: is it mounted?')
  return JSON.stringify(owner)
}

/** Not of one that is just being written. */
function isOfTheDead(file: string): boolean {
  try {
    // Only ever written here, and for nobody else to write.
    return !isAlive(JSON.parse(readFileSync(file, 'utf8')) as ProcessId)
  } catch {
    return false
  }
}

export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return ''
  }
}
