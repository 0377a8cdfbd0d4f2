import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { bootId } from '../shared/boot-id.ts'
import { LevelDatabase } from '../shared/level-database.ts'
import type { Claim, ClaimId } from '../volume-plugin/ssd/claim.ts'
import { keyOf } from '../volume-plugin/ssd/disk.ts'
import { LevelClaimBook } from '../volume-plugin/ssd/level-claim-book.ts'
import { readSsdOptions } from '../volume-plugin/ssd/options.ts'
import { Witness } from '../volume-plugin/ssd/witness.ts'
import { requireVolumeName } from '../volume-plugin/volume-name.ts'
import { stateIn } from './ssd-plugin.ts'

export const nameOf = (number: number): string => `volume-${number}`

/** A journal that tells of so many volumes, for a plugin that starts with it; their disks are not there. */
export async function seedVolumes(folder: string, count: number): Promise<void> {
  const state = stateIn(folder)
  await mkdir(state, { recursive: true })
  const database = await LevelDatabase.open(join(state, 'db'))
  try {
    const boot = await bootId()
    const witness = await Witness.open([join(state, 'volumes.json')])
    const book = new LevelClaimBook(database, witness, boot)
    for (let number = 0; number < count; number++) await book.put(claimOf(number, boot))
  } finally {
    await database.close()
  }
}

function claimOf(number: number, boot: string): Claim {
  const serial = `BENCH${String(number).padStart(8, '0')}`
  const identity = { wwid: `eui.${serial}`, serial, model: 'Example SSD 1TB', size: 10 ** 12 }
  const key = keyOf(identity)
  if (!key) throw new Error('A disk with a serial number has a key')
  const volume = {
    name: requireVolumeName(nameOf(number)),
    options: readSsdOptions({ size: '400GiB', mode: '0750' }),
    created: new Date().toISOString(),
    fsUuid: randomUUID(),
    host: 'bench',
    boot,
  }
  const id = randomBytes(16).toString('hex') as ClaimId
  return { id, key, identity, volume, state: { is: 'ready' } }
}
