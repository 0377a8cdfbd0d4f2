import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { AppendFile } from '../shared/append-file.ts'
import { USED } from './record.ts'

type Protocol = <T>(transaction: () => Promise<T>) => Promise<T>

/** As long as the journal's entry of an address. */
const ENTRY = USED.slice(0, 220)

/**
 * What the design asks of each allocation besides its transaction: the journal is written before it and after it, and a
 * hang-up is looked for before the answer. No plugin that keeps these promises is nearer to the floor.
 *
 * @param wanted '' for the bare floor
 */
export async function protocol(folder: string, wanted: string): Promise<Protocol> {
  if (wanted === '') return async transaction => await transaction()
  await mkdir(folder, { recursive: true })
  const journal = new AppendFile(join(folder, 'journal'))
  return async transaction => {
    journal.append(ENTRY)
    const result = await transaction()
    journal.append(ENTRY)
    await turn()
    return result
  }
}
