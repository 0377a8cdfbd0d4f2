import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import * as v from '@badrap/valita'
import { isSameMachine } from './fingerprint.ts'
import type { Fingerprint } from './host.ts'
import { isSystemError } from './system-error.ts'

const identity = v.object({
  id: v.string().assert(id => id !== '', 'an empty id'),
  machine: v.object({ product: v.string(), macs: v.array(v.string()) }).optional(),
})

type Stored = v.Infer<typeof identity>

export type Identity = {
  readonly id: string
  /** Whether it was made on another machine: then this one is a copy, until the operator says that it is not. */
  readonly isForeign: boolean
}

/**
 * This host's identity: a random id, made at the first start and kept, whatever the host's name becomes, and bound to the
 * machine: a copy that registered as this host would fence it off.
 *
 * @throws {Error} where the file cannot be read or made; it is never made anew over an unreadable one
 */
export async function readIdentity(file: string, machine: Fingerprint): Promise<Identity> {
  try {
    const { id, machine: before } = (await read(file)) ?? (await make(file, machine))
    if (before && !isSameMachine(before, machine)) return { id, isForeign: true }
    const merged = merge(before, machine)
    if (JSON.stringify(before) !== JSON.stringify(merged)) {
      await replace(file, { id, machine: merged })
    }
    return { id, isForeign: false }
  } catch (cause) {
    throw new Error(
      `Cannot read or make the host's identity ${file}: ${(cause as Error).message}; restore the file from a backup, or make its folder writable`,
      { cause },
    )
  }
}

/** Binds the identity to this machine, whichever it was bound to. */
export async function adoptIdentity(file: string, machine: Fingerprint): Promise<void> {
  const found = await read(file)
  if (!found) throw new Error(`There is no identity in ${file} to adopt`)
  await replace(file, { id: found.id, machine: merge(undefined, machine) })
}

/** What cannot be seen at this start, such as an interface that is not up yet, is not forgotten. */
function merge(before: Stored['machine'], { product, macs }: Fingerprint) {
  return {
    product: product || (before?.product ?? ''),
    macs: macs.length > 0 ? [...macs] : (before?.macs ?? []),
  }
}

async function read(file: string): Promise<Stored | undefined> {
  try {
    return identity.parse(JSON.parse(await readFile(file, 'utf8')), { mode: 'strip' })
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}

/**
 * On the disk under its name before anybody uses it: an identity lost in a power cut would orphan its addresses. Linked,
 * not renamed: where the other plugin makes it in the same moment, both use the one that was there first.
 */
async function make(file: string, machine: Fingerprint): Promise<Stored> {
  const made = { id: randomUUID(), machine: merge(undefined, machine) }
  const folder = dirname(file)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const draft = `${file}.${made.id}`
  await writeSynced(draft, made)
  try {
    await link(draft, file)
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error
  } finally {
    await unlink(draft)
  }
  await syncFolder(folder)
  return (await read(file)) ?? made
}

async function replace(file: string, stored: Stored): Promise<void> {
  const draft = `${file}.${randomUUID()}`
  await writeSynced(draft, stored)
  await rename(draft, file)
  await syncFolder(dirname(file))
}

async function writeSynced(file: string, stored: Stored): Promise<void> {
  await using handle = await open(file, 'w', 0o600)
  await handle.writeFile(`${JSON.stringify(stored)}\n`)
  await handle.sync()
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r')
  await handle.sync()
}
