import { randomBytes, randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LevelDatabase } from '../../../shared/level-database.ts'
import type { Claim, ClaimId } from '../../../volume-plugin/ssd/claim.ts'
import type { VolumeClaim } from '../../../volume-plugin/ssd/claims.ts'
import { keyOf } from '../../../volume-plugin/ssd/disk.ts'
import type { Disk } from '../../../volume-plugin/ssd/disk.ts'
import { LevelClaimBook } from '../../../volume-plugin/ssd/level-claim-book.ts'
import { readSsdOptions } from '../../../volume-plugin/ssd/options.ts'
import { Witness } from '../../../volume-plugin/ssd/witness.ts'
import { requireVolumeName } from '../../../volume-plugin/volume-name.ts'

/** The boot of every host. */
export const BOOT = 'boot'

/** What a host remembers of its claims: written, or lost, by somebody else while nothing runs. */
export class Journal {
  readonly #database: string
  /** Where the names of all volumes are, beside the journal. */
  readonly lists: readonly string[]

  constructor(state: string, mountRoot: string) {
    this.#database = join(state, 'db')
    this.lists = [join(state, 'volumes.json'), join(mountRoot, '.volumes.json')]
  }

  /** For a plugin that runs; whoever opens it closes the database. */
  async open(): Promise<{ readonly database: LevelDatabase; readonly book: LevelClaimBook }> {
    const witness = await Witness.open(this.lists)
    const database = await LevelDatabase.open(this.#database)
    return { database, book: new LevelClaimBook(database, witness, BOOT) }
  }

  async write(...claims: readonly Claim[]): Promise<void> {
    const { database, book } = await this.open()
    try {
      for (const claim of claims) await book.put(claim)
    } finally {
      await database.close()
    }
  }

  /** As above, any row at all. */
  async writeRow(key: string, value: string): Promise<void> {
    const { database } = await this.open()
    await database.write([{ type: 'put', key, value }], { sync: true })
    await database.close()
  }

  async loseLists(): Promise<void> {
    for (const list of this.lists) await rm(list, { force: true })
  }

  /** The lists too. */
  async lose(): Promise<void> {
    await this.loseLists()
    await rm(this.#database, { recursive: true })
  }
}

/** A claim as if it were made by hand, of this disk or of one that is not there. */
export function claimOf(name: string, disk?: Pick<Disk, 'identity'>): VolumeClaim {
  const id = randomBytes(16).toString('hex') as ClaimId
  const absent = { wwid: '', serial: `S-${id}`, model: 'SSD 9', size: 2 ** 40 }
  const { identity } = disk ?? { identity: absent }
  const key = keyOf(identity)
  if (!key) throw new Error('A disk without an identity is never claimed')
  return {
    id,
    key,
    identity,
    volume: {
      name: requireVolumeName(name),
      options: readSsdOptions({}),
      created: new Date().toISOString(),
      fsUuid: randomUUID(),
      host: 'testhost',
      boot: BOOT,
    },
    state: { is: 'ready' },
  }
}
