/**
 * What a pool must do, said as naively as possible: sets of numbers, every address looked at. One subnet of
 * `2 ** (32 - length)` addresses, in which an address is its number; several pools (ranges) of that subnet.
 */
export type PoolModel = {
  readonly first: number
  readonly last: number
  networks: number
  /** From the first request until it has neither a network nor an address. */
  there: boolean
  excluded: Set<number>
}

export class Model {
  readonly size: number
  readonly rests: boolean
  readonly pools: readonly PoolModel[]
  /** Who holds an address: the number of its pool. */
  readonly used = new Map<number, number>()
  /** Released addresses, the one released last at the end. */
  idle: number[] = []
  /** Gateway and auxiliary addresses, each with the pools that share it. */
  readonly shared = new Map<number, Set<number>>()
  gateway: number | undefined

  /** @param rests whether a released address is kept from others while there is another */
  constructor(size: number, rests: boolean, ranges: readonly (readonly [number, number])[]) {
    this.size = size
    this.rests = rests
    this.pools = ranges.map(([first, last]) => ({
      first,
      last,
      networks: 0,
      there: false,
      excluded: new Set<number>(),
    }))
  }

  pool(index: number): PoolModel {
    const pool = this.pools[index]
    if (!pool) throw new Error(`There is no pool ${index}`)
    return pool
  }

  requestPool(index: number, excluded: readonly number[]): void {
    const pool = this.pool(index)
    pool.networks += 1
    pool.there = true
    for (const address of excluded) pool.excluded.add(address)
  }

  releasePool(index: number): void {
    const pool = this.pool(index)
    pool.networks = Math.max(0, pool.networks - 1)
    this.#leave(index)
  }

  /** Addresses that a dynamic pick may choose from, those first that nobody had lately. */
  free(index: number): { fresh: number[]; resting: number[] } {
    const { first, last } = this.pool(index)
    const all = Array.from({ length: this.size }, (_, address) => address)
    const free = all.filter(
      address => address >= first && address <= last && this.#whyNot(address) === undefined,
    )
    const rests = (address: number) => this.rests && this.idle.includes(address)
    const resting = free.filter(rests)
    return {
      fresh: free.filter(address => !rests(address)),
      resting: this.idle.filter(address => resting.includes(address)),
    }
  }

  /** The code of the refusal that a request for just this address gets; undefined where it is granted. */
  refusesStatic(index: number, address: number): string | undefined {
    if (this.pool(index).networks === 0) return 'unknown-pool'
    return this.#whyNot(address)
  }

  refusesGateway(index: number, address: number | undefined): string | undefined {
    if (this.pool(index).networks === 0) return 'unknown-pool'
    if (address === undefined) return undefined
    if (this.gateway !== undefined && this.gateway !== address) return 'pool-conflict'
    return this.refusesShared(address)
  }

  refusesAux(index: number, address: number): string | undefined {
    return this.pool(index).networks === 0 ? 'unknown-pool' : this.refusesShared(address)
  }

  /** Gateways and auxiliary addresses are shared, and may be excluded from dynamic picks. */
  refusesShared(address: number): string | undefined {
    if (!this.isUsable(address)) return 'address-reserved'
    return this.used.has(address) ? 'address-in-use' : undefined
  }

  give(index: number, address: number): void {
    this.used.set(address, index)
    this.idle = this.idle.filter(one => one !== address)
  }

  share(index: number, address: number): void {
    this.shared.set(address, (this.shared.get(address) ?? new Set()).add(index))
    this.idle = this.idle.filter(one => one !== address)
  }

  release(index: number, address: number): void {
    if (this.used.get(address) !== index) return
    this.used.delete(address)
    this.idle.push(address)
  }

  settle(): void {
    this.pools.forEach((_, index) => this.#leave(index))
  }

  readonly isUsable = (address: number): boolean => address > 0 && address < this.size - 1

  isTaken(address: number): boolean {
    return this.used.has(address) || this.shared.has(address)
  }

  isExcluded(address: number): boolean {
    return this.pools.some(({ excluded }) => excluded.has(address))
  }

  #whyNot(address: number): string | undefined {
    if (!this.isUsable(address) || this.isExcluded(address)) return 'address-reserved'
    return this.isTaken(address) ? 'address-in-use' : undefined
  }

  /** What a pool alone shared and excluded goes with it. */
  #leave(index: number): void {
    const pool = this.pool(index)
    if (pool.networks > 0 || [...this.used.values()].includes(index)) return
    pool.there = false
    pool.excluded = new Set()
    for (const [address, sharers] of this.shared) {
      sharers.delete(index)
      if (sharers.size > 0) continue
      this.shared.delete(address)
      if (this.gateway === address) this.gateway = undefined
    }
  }
}
