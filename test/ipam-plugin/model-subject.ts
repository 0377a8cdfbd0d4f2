import type { DriverWorld } from './driver-world.ts'
import type { Model } from './model.ts'

/** The real driver, spoken to in the model's numbers. */
export class Subject {
  readonly driver: DriverWorld
  readonly ids: readonly string[]
  readonly #subnet: string
  readonly #cooldown: string

  constructor(driver: DriverWorld, subnet: string, rests: boolean) {
    const [, length] = subnet.split('/')
    const half = `192.0.2.${2 ** (31 - Number(length))}/${Number(length) + 1}`
    this.driver = driver
    this.#subnet = subnet
    this.#cooldown = rests ? '1h' : '0'
    this.ids = [`default~${subnet}~-`, `default~${subnet}~${half}`]
  }

  id(pool: number): string {
    return this.ids[pool] ?? ''
  }

  /** @param first whether the rest is to be said, which the pool keeps afterwards */
  async requestPool(pool: number, exclude: readonly number[], first: boolean): Promise<string> {
    const range = this.id(pool).split('~')[2] ?? '-'
    return await this.driver.requestPool(this.#subnet, range === '-' ? '' : range, {
      ...(first ? { 'berth.cooldown': this.#cooldown } : {}),
      ...(exclude.length > 0 ? { 'berth.exclude': exclude.map(textOf).join(',') } : {}),
    })
  }

  /** When released addresses have rested. */
  async until(): Promise<ReadonlyMap<number, number>> {
    const rows = await this.driver.view<{ addresses: { address: string; until?: number }[] }>(
      '/v1/addresses',
    )
    return new Map(rows.addresses.map(({ address, until }) => [numberOf(address), until ?? 0]))
  }

  async mustBe(model: Model, after: object): Promise<void> {
    const what = JSON.stringify(after)
    same(await this.driver.inState('used'), model.used.keys(), `used, after ${what}`)
    same(await this.driver.inState('shared'), model.shared.keys(), `shared, after ${what}`)
    same(await this.driver.inState('idle'), model.idle, `idle, after ${what}`)
    const { pools } = await this.driver.view<{ pools: { here: { id: string }[] }[] }>('/v1/pools')
    const here = pools.flatMap(pool => pool.here.map(({ id }) => id)).toSorted()
    const wanted = this.ids.filter((_, i) => model.pool(i).there).toSorted()
    must(
      String(here) === String(wanted),
      `pools ${String(here)} instead of ${String(wanted)}, after ${what}`,
    )
  }
}

function same(found: readonly string[], wanted: Iterable<number>, what: string): void {
  const numbers = Array.from(wanted).toSorted((a, b) => a - b)
  must(
    String(found.map(numberOf)) === String(numbers),
    `${String(found)} instead of ${String(numbers)}: ${what}`,
  )
}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

export const textOf = (address: number): string => `192.0.2.${address}`
export const numberOf = (address: string): number => Number(address.split('.')[3])
