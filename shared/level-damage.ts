import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** LevelDB drops what it cannot read of its log, goes on without it, and says so in its own `LOG` alone. */
const DROPPED = /dropping \d+ bytes; Corruption.*/

/** Files of ours in LevelDB's folder, which leaves them alone. */
const BOOT = 'berth-boot'
const DAMAGED = 'berth-damaged'

/**
 * Whether a database that was just opened lost writes that may still matter: some were dropped, and it was open before in
 * the same boot. After a reboot nothing is lost that is in use, and a torn tail is what a power cut leaves.
 *
 * The next opening looks clean, so the finding is kept in the folder, for as long as this boot lasts.
 *
 * @returns what LevelDB said, or undefined
 */
export async function damage(folder: string, boot: string): Promise<string | undefined> {
  const found = DROPPED.exec(await readFile(join(folder, 'LOG'), 'utf8'))?.[0]
  const isSameBoot = (await read(join(folder, BOOT))) === boot
  if (found !== undefined && isSameBoot) {
    await writeFile(join(folder, DAMAGED), `${boot} ${found}`)
    return found
  }
  // Not again and again: on a full disk that would leave an empty file.
  if (!isSameBoot) await writeFile(join(folder, BOOT), boot)
  return undefined
}

/** What was found in this boot at an earlier opening, or undefined. */
export async function knownDamage(folder: string, boot: string): Promise<string | undefined> {
  const [foundIn, ...found] = (await read(join(folder, DAMAGED)))?.split(' ') ?? []
  if (foundIn === boot) return found.join(' ')
  await rm(join(folder, DAMAGED), { force: true })
  return undefined
}

async function read(file: string): Promise<string | undefined> {
  return await readFile(file, 'utf8').catch(() => undefined)
}
