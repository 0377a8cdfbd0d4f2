import { existsSync, readdirSync, readFileSync, rmSync, rmdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { identify, isAlive, killAndWait, type ProcessId } from './processes.ts'
import { CommandFailed, run } from './run.ts'

/** What a lab has made on this machine, kept in its folder, so that whoever comes later can remove it. */
export type LabRecord = {
  readonly owner: ProcessId
  readonly processes: readonly ProcessId[]
  readonly namespaces: readonly string[]
}

export const PREFIX = 'berth-lab-'
const FILE = 'lab.json'
const CGROUPS = '/sys/fs/cgroup'

export function ownRecord(): LabRecord {
  const owner = identify(process.pid)
  if (!owner) throw new Error('/proc does not show this process: is it mounted?')
  return { owner, processes: [], namespaces: [] }
}

export function writeRecord(folder: string, record: LabRecord): void {
  writeFileSync(join(folder, FILE), JSON.stringify(record))
}

/** Ends and removes all that a lab has made. Doing it twice does no harm. */
export async function removeLab(folder: string, record: LabRecord): Promise<void> {
  await Promise.all(record.processes.map(each => killAndWait(each)))
  for (const namespace of record.namespaces) await removeNamespace(namespace)
  for (const cgroup of cgroupsOf(cgroupName(folder))) removeFolders(cgroup)
  refuseMounts(folder)
  rmSync(folder, { recursive: true, force: true })
}

/** Removes the labs of runs that ended without doing it themselves. */
export async function removeLeftovers(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter(each => each.startsWith(PREFIX))) {
    const folder = join(tmpdir(), name)
    const record = readRecord(folder)
    if (!record || isAlive(record.owner)) continue
    // From here on it is this process's, so that no other one removes it at the same time.
    const taken = { ...record, owner: ownRecord().owner }
    writeRecord(folder, taken)
    await removeLab(folder, taken)
  }
}

/** The cgroup below which the lab's engines start their containers. */
export function cgroupName(folder: string): string {
  return folder.slice(folder.lastIndexOf(PREFIX))
}

function readRecord(folder: string): LabRecord | undefined {
  try {
    // Only ever written by writeRecord, in a folder that root alone may enter.
    return JSON.parse(readFileSync(join(folder, FILE), 'utf8')) as LabRecord
  } catch {
    return undefined
  }
}

async function removeNamespace(namespace: string): Promise<void> {
  try {
    await run('ip', ['netns', 'delete', namespace])
  } catch (error) {
    if (!(error instanceof CommandFailed && error.stderr.includes('No such file'))) throw error
  }
}

/** In each hierarchy of cgroup v1, or in the only one of v2. */
function cgroupsOf(name: string): readonly string[] {
  if (!existsSync(CGROUPS)) return []
  const hierarchies = ['.', ...readdirSync(CGROUPS)]
  return hierarchies.map(each => join(CGROUPS, each, name)).filter(each => existsSync(each))
}

/** Children first; a cgroup's files are the kernel's and go with it. */
function removeFolders(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeFolders(join(folder, entry.name))
  }
  rmdirSync(folder)
}

/** Whatever is mounted inside the folder is not the lab's to delete. */
function refuseMounts(folder: string): void {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  const inside = mounts.map(line => line.split(' ')[4]).find(path => path?.startsWith(`${folder}/`))
  if (inside) throw new Error(`${folder} is not removed: ${inside} is still mounted; unmount it`)
}
