import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import * as v from '@badrap/valita'

const identity = v.object({ id: v.string().assert(id => id !== '', 'an empty id') })

/**
 * This host's identity: a random id, made at the first start and kept, whatever the host's name becomes.
 *
 * @throws {Error} where the file cannot be read or made; it is never made anew over an unreadable one
 */
export async function hostId(file: string): Promise<string> {
  try {
    return (await read(file)) ?? (await make(file))
  } catch (cause) {
    throw new Error(
      `Cannot read or make the host's identity ${file}: ${(cause as Error).message}; restore the file from a backup, or make its folder writable`,
      {
        cause,
      },
    )
  }
}

async function read(file: string): Promise<string | undefined> {
  try {
    return identity.parse(JSON.parse(await readFile(file, 'utf8')), { mode: 'strip' }).id
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

/**
 * On the disk under its name before anybody uses it: an identity lost in a power cut would orphan its addresses. Linked,
 * not renamed: where the other plugin makes it in the same moment, both use the one that was there first.
 */
async function make(file: string): Promise<string> {
  const id = randomUUID()
  const folder = dirname(file)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const draft = `${file}.${id}`
  await writeSynced(draft, `${JSON.stringify({ id })}\n`)
  try {
    await link(draft, file)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    await unlink(draft)
  }
  await syncFolder(folder)
  return (await read(file)) ?? id
}

async function writeSynced(file: string, text: string): Promise<void> {
  await using handle = await open(file, 'w', 0o600)
  await handle.writeFile(text)
  await handle.sync()
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r')
  await handle.sync()
}
