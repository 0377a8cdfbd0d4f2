import type { LevelDatabase } from '../../shared/level-database.ts'
import { OutcomeUnknown } from '../../shared/store.ts'
import { isBeingMade } from './claim.ts'
import type { Claim, ClaimId } from './claim.ts'
import type { ClaimBook, Labels, MountIds, Remembered } from './claim-book.ts'
import { readClaim, readCounts, readLabels, writeClaim } from './claim-records.ts'
import type { DiskKey } from './disk.ts'
import type { Witness } from './witness.ts'

const CLAIMS = 'claims/'
const MOUNTS = 'mounts/'
const LABELS = 'labels/'
const MOST = 1_000_000

/** The journal, with the witness beside it: what that names, the journal has. */
export class LevelClaimBook implements ClaimBook {
  readonly #database: LevelDatabase
  readonly #witness: Witness
  readonly #boot: string

  constructor(database: LevelDatabase, witness: Witness, boot: string) {
    this.#database = database
    this.#witness = witness
    this.#boot = boot
  }

  async load(): Promise<Remembered> {
    const claims = await this.#read(CLAIMS, text => this.#asAnswered(readClaim(text)))
    // Those of an earlier boot mean nothing, nor do those that cannot be read.
    const mounts = await this.#read(MOUNTS, text => tryRead(text) ?? { boot: '', ids: {} })
    await this.#witness.addAll(Array.from(claims.values()).flatMap(testimonyOf))
    return {
      claims: [...claims.values()],
      mounts: new Map(
        Array.from(mounts)
          .filter(([, { boot }]) => boot === this.#boot)
          .map(([id, { ids }]) => [id as ClaimId, ids]),
      ),
      labels: (await this.#read(LABELS, readLabels)) as Map<DiskKey, Labels>,
      missing: Array.from(this.#witness.volumes)
        .filter(([id]) => !claims.has(id))
        .map(([id, name]) => ({ id: id as ClaimId, name })),
    }
  }

  async put(claim: Claim): Promise<void> {
    await this.#put(CLAIMS + claim.id, writeClaim(claim), true)
    await this.#bearWitness(claim)
  }

  async remove(id: ClaimId): Promise<void> {
    await this.#witness.remove(id)
    const writes = [CLAIMS + id, MOUNTS + id].map(key => ({ type: 'del', key }) as const)
    await this.#database.write(writes, { sync: true })
  }

  async putMounts(id: ClaimId, ids: MountIds): Promise<void> {
    await this.#put(MOUNTS + id, JSON.stringify({ boot: this.#boot, ids }), false)
  }

  async putLabels(key: DiskKey, labels: Labels): Promise<void> {
    await this.#put(LABELS + key, JSON.stringify(labels), true)
  }

  /**
   * A volume that was answered is not being made, whatever the journal says: that was set back, by a backup or by a
   * database that lost its last records, and to go on would format its data.
   */
  #asAnswered(claim: Claim): Claim {
    const isAnswered = this.#witness.volumes.has(claim.id)
    return isAnswered && isBeingMade(claim) ? { ...claim, state: { is: 'ready' } } : claim
  }

  /**
   * Only after the journal has it: a witness to what the journal never had would be believed.
   *
   * @throws {OutcomeUnknown} the journal has the claim, but it must not be answered
   */
  async #bearWitness(claim: Claim): Promise<void> {
    try {
      for (const [id, name] of testimonyOf(claim)) await this.#witness.add(id, name)
    } catch (cause) {
      const why = `Cannot write the list of volumes: ${(cause as Error).message}`
      throw new OutcomeUnknown(why, { cause })
    }
  }

  async #put(key: string, value: string, sync: boolean): Promise<void> {
    await this.#database.write([{ type: 'put', key, value }], { sync })
  }

  async #read<T>(prefix: string, decode: (text: string) => T): Promise<Map<string, T>> {
    const rows = await this.#database.list(prefix, `${prefix}~`, MOST)
    return new Map(
      rows.map(([key, text]) => {
        try {
          return [key.slice(prefix.length), decode(text)]
        } catch (cause) {
          const why = `The record ${key} cannot be read (${(cause as Error).message}): is this version older than the one that wrote it?`
          throw new Error(why, { cause })
        }
      }),
    )
  }
}

function tryRead(text: string): ReturnType<typeof readCounts> | undefined {
  try {
    return readCounts(text)
  } catch {
    return undefined
  }
}

/** Of a claim whose volume was answered. */
function testimonyOf({ id, volume, state }: Claim): (readonly [string, string])[] {
  const isAnswered = state.is === 'ready' || state.is === 'parked'
  return volume && isAnswered ? [[id, volume.name]] : []
}
