import { createHash } from 'node:crypto'
import { Refusal } from '../shared/refusal.ts'
import type { Store } from '../shared/store.ts'
import { formatSubnet, intersection, rangeOf, size, usable } from './addresses.ts'
import type { Range } from './addresses.ts'
import { parseExclusion, without } from './exclusions.ts'
import { addressKey, poolKey } from './keys.ts'
import type { Pool } from './pool-id.ts'
import { exclusionsOf, readPool } from './records.ts'
import { FIRST_WINDOW, look, nextSize, windowAt } from './window.ts'
import type { Candidate, Sighting } from './window.ts'

const SEARCH_MS = 900
const AT_ONCE = 256
/** In a large pool, addresses used before are used again from here on, instead of ever new ones: their records stay. */
const TURN_BACK_AFTER = 65_536

/**
 * Which address of a pool to try next. Reads a window of the pool, serves from it, and moves on; never lists the pool
 * while there are free addresses, so that a pick costs the same in a pool of any size.
 */
export class Candidates {
  readonly #store: Store
  readonly #pool: Pool
  readonly #isTaken: (key: string) => boolean
  readonly #origin: string | undefined
  readonly #start: bigint
  #position: bigint
  #found = 0
  /** Changes when what was read ahead is forgotten: a read that began before is thrown away. */
  #turn = 0
  #ready: Candidate[] = []
  #reading: Promise<boolean> | undefined

  /**
   * @param isTaken by its key: an address that must not be tried, whatever the store says
   * @param origin who looks, so that hosts which share a pool begin at different places and rarely meet; undefined: at
   *   the start of the range
   */
  constructor(
    store: Store,
    pool: Pool,
    isTaken: (key: string) => boolean,
    origin: string | undefined,
  ) {
    this.#store = store
    this.#pool = pool
    this.#isTaken = isTaken
    this.#origin = origin
    this.#start = startOf(pool, origin)
    this.#position = this.#start
  }

  /** The next address to try; where none is free, the one that has rested longest. Undefined: the pool is full. */
  async next(): Promise<Candidate | undefined> {
    for (;;) {
      const candidate = this.#ready.pop()
      if (candidate) return candidate
      this.#reading ??= this.#read().finally(() => (this.#reading = undefined))
      if (!(await this.#reading)) return undefined
    }
  }

  /** Begins anew where it began, and reads again whatever was read ahead. */
  forget(): void {
    this.#turn += 1
    this.#ready = []
    this.#found = 0
    this.#position = this.#start
  }

  /**
   * Goes on at another place, after a candidate was lost to another host: that host reads the same windows, and would race
   * for each of their addresses.
   */
  elsewhere(): void {
    if (this.#origin === undefined) return
    this.#turn += 1
    this.#ready = []
    this.#position = startOf(this.#pool, `${this.#origin} ${this.#turn}`)
  }

  /** @throws {Refusal} after some time of reading windows without a free address */
  async #read(): Promise<boolean> {
    if (this.#found >= TURN_BACK_AFTER) this.forget()
    const turn = this.#turn
    const ranges = await this.#ranges()
    const total = ranges.reduce((sum, range) => sum + size(range), 0n)
    const deadline = AbortSignal.timeout(SEARCH_MS)
    const resting: (Candidate & { until: number })[] = []
    let seen = 0n
    for (let atMost = FIRST_WINDOW; seen < total; atMost = nextSize(atMost)) {
      if (deadline.aborted) throw stillSearching(this.#pool, seen)
      const window = windowAt(ranges, this.#position, atMost)
      if (!window) break
      const sighting = await this.#look(window)
      if (turn !== this.#turn) return true
      this.#position = window.last + 1n
      seen += size(window)
      this.#found += sighting.free.length
      if (sighting.free.length > 0) return this.#serve(sighting.free)
      resting.push(...sighting.resting)
    }
    return this.#serve(resting.toSorted((a, b) => a.until - b.until))
  }

  async #look(window: Range): Promise<Sighting> {
    const keyOf = (value: bigint) =>
      addressKey(this.#pool.segment, { family: this.#pool.subnet.family, value })
    const entries = await this.#store.list(
      keyOf(window.first),
      `${keyOf(window.last)}\0`,
      Number(size(window)),
    )
    return look(window, entries, Date.now(), value => this.#isTaken(keyOf(value)))
  }

  #serve(candidates: readonly Candidate[]): boolean {
    this.#ready = candidates.slice(0, AT_ONCE).toReversed()
    return candidates.length > 0
  }

  /** Read anew each time: other hosts add exclusions. */
  async #ranges(): Promise<Range[]> {
    const { segment, subnet, subPool } = this.#pool
    const record = readPool(await this.#store.get(poolKey(segment, subnet)))
    const dynamic = intersection(usable(subnet), rangeOf(subPool ?? subnet))
    if (!dynamic || !record) return []
    return without(
      dynamic,
      exclusionsOf(record).map(({ text }) => parseExclusion(text)),
    )
  }
}

function startOf({ id, subnet, subPool }: Pool, origin: string | undefined): bigint {
  const range = rangeOf(subPool ?? subnet)
  if (origin === undefined) return range.first
  const hash = createHash('sha256').update(`${origin} ${id}`).digest('hex').slice(0, 32)
  return range.first + (BigInt(`0x${hash}`) % size(range))
}

function stillSearching({ subnet }: Pool, seen: bigint): Refusal {
  return new Refusal(
    'deadline',
    `No free address found in ${formatSubnet(subnet)} among the ${seen} looked at in time; ask again to go on from there`,
  )
}
