import { Refusal } from '../../shared/refusal.ts'
import type { VolumeName } from '../volume-name.ts'
import type { Claim, ClaimedVolume, ClaimId, ClaimState } from './claim.ts'
import type { ClaimBook, Labels, Remembered } from './claim-book.ts'
import type { DiskKey } from './disk.ts'

/** A claim of a volume, not of a disk that an operator wipes. */
export type VolumeClaim = Claim & { readonly volume: ClaimedVolume }

/** All claims, in memory as they are in the journal. */
export class Claims {
  readonly #book: ClaimBook
  readonly #byId = new Map<ClaimId, Claim>()
  /** The engine asks for names before each call. */
  #byName = new Map<VolumeName, VolumeClaim>()
  readonly #labels: Map<DiskKey, Labels>
  readonly #unsure = new Set<ClaimId>()
  #missing: readonly { readonly id: ClaimId; readonly name: string }[]

  constructor(book: ClaimBook, { claims, labels, missing }: Remembered) {
    this.#book = book
    for (const claim of claims) this.#byId.set(claim.id, claim)
    this.#index()
    this.#labels = new Map(labels)
    this.#missing = missing
  }

  all(): readonly Claim[] {
    return [...this.#byId.values()]
  }

  get(id: ClaimId): Claim | undefined {
    return this.#byId.get(id)
  }

  /** Of two claims of one disk, the one that is not in quarantine, which keeps no disk from being adopted. */
  ofDisk(key: DiskKey): Claim | undefined {
    const claims = this.all().filter(claim => claim.key === key)
    return claims.find(({ state }) => state.is !== 'quarantined') ?? claims[0]
  }

  /**
   * The claim that stands for this name: one that is being wiped, or that was quarantined before its volume was ever
   * answered, leaves the name to another.
   */
  named(name: VolumeName): VolumeClaim | undefined {
    return this.#byName.get(name)
  }

  /** The volume as the engine knows it: created, and not removed. */
  ready(name: VolumeName): VolumeClaim | undefined {
    const claim = this.named(name)
    return claim?.state.is === 'ready' ? claim : undefined
  }

  allReady(): readonly VolumeClaim[] {
    return Array.from(this.#byName.values()).filter(({ state }) => state.is === 'ready')
  }

  /** Volumes of which nothing but the name is known any more. */
  get missing(): readonly { readonly id: ClaimId; readonly name: string }[] {
    return this.#missing
  }

  /** In the journal first. */
  async put<C extends Claim>(claim: C): Promise<C> {
    try {
      await this.#book.put(claim)
    } catch (error) {
      this.#unsure.add(claim.id)
      throw error
    }
    this.#unsure.delete(claim.id)
    this.#byId.set(claim.id, claim)
    this.#index()
    this.#missing = this.#missing.filter(({ id }) => id !== claim.id)
    return claim
  }

  async become<C extends Claim>(claim: C, state: ClaimState): Promise<C> {
    return await this.put({ ...claim, state })
  }

  /** Its disk is free, or was never written. */
  async remove(id: ClaimId): Promise<void> {
    await this.#book.remove(id)
    this.#byId.delete(id)
    this.#index()
    this.#missing = this.#missing.filter(each => each.id !== id)
  }

  /** Claims of which nobody knows whether the journal has what was to be written last. */
  get unsure(): readonly ClaimId[] {
    return [...this.#unsure]
  }

  /** What the caller was told has failed must not come to be at the next start: the journal gets what memory has. */
  async settle(id: ClaimId): Promise<void> {
    if (!this.#unsure.has(id)) return
    const claim = this.#byId.get(id)
    await (claim ? this.#book.put(claim) : this.#book.remove(id))
    this.#unsure.delete(id)
  }

  labels(key: DiskKey | undefined): Labels {
    return (key && this.#labels.get(key)) ?? {}
  }

  async setLabels(key: DiskKey, labels: Labels): Promise<void> {
    await this.#book.putLabels(key, labels)
    this.#labels.set(key, labels)
  }

  #index(): void {
    const named = this.all().filter(isVolumeClaim).filter(hasName).toSorted(byProgress)
    this.#byName = new Map(named.map(claim => [claim.volume.name, claim]))
  }
}

const hasName = ({ state }: Claim): boolean => state.is !== 'wiping' && state.is !== 'quarantined'

/** Of two of one name, one is an intent of which nobody knew whether it was written. */
const byProgress = (a: Claim, b: Claim): number =>
  Number(a.state.is !== 'intent') - Number(b.state.is !== 'intent')

export function isVolumeClaim(claim: Claim): claim is VolumeClaim {
  return claim.volume !== undefined
}

/** @throws {Refusal} `unknown-volume` */
export function requireClaim(claims: Claims, name: VolumeName): VolumeClaim {
  const claim = claims.named(name)
  if (claim) return claim
  throw new Refusal(
    'unknown-volume',
    `There is no volume ${name} on this host: see berth volume ls`,
  )
}
