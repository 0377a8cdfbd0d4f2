import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { replaceFile } from '../../../../shared/replace-file.ts'
import type { Random } from '../../../history/random.ts'
import { countClaims, endAndCheck, isThere, judge } from './judge.ts'
import type { Fate } from './judge.ts'
import type { Plugin } from './plugin.ts'
import type { PowerWorld } from './power-world.ts'
import { create, mount, ok, Refused, unmount, wipe } from './scenarios.ts'

/** Of calls; a cut at a later one than the last comes when all were answered. */
const MOST_CALLS = 34
const LONGEST_MS = 1500
const NAMES = ['a', 'b', 'c', 'd', 'e']

type Known = Fate & {
  /** Removed, and not known to be wiped. */
  readonly isParked?: boolean
  /** Its wipe was asked for. */
  readonly isDoomed?: boolean
}

type Act = { readonly what: string; readonly act: () => Promise<void> }

/** What one host lives through: calls, and cuts of its power in the middle of them. */
export class PowerHistory {
  readonly #host: PowerWorld
  readonly #random: Random
  readonly #settings: Readonly<Record<string, string>>
  readonly #known = new Map<string, Known>()
  readonly #told: string[] = []
  #texts = 0

  constructor(host: PowerWorld, random: Random, settings: Readonly<Record<string, string>> = {}) {
    this.#host = host
    this.#random = random
    this.#settings = settings
  }

  /** What was done, for people who look for the cause of a failure. */
  get told(): string {
    return this.#told.join('; ')
  }

  /** @returns what is wrong after a start, before the power is cut again */
  async round(): Promise<readonly string[]> {
    const plugin = await this.#host.start(this.#settings)
    let underWay: Promise<unknown> = Promise.resolve()
    try {
      const faults = await this.#look(plugin)
      if (faults.length > 0) return [...faults, plugin.story]
      if (this.#random.chance(0.5)) await this.#do(await this.#draw(plugin))
      const last = await this.#draw(plugin)
      const ms = await this.#armed(plugin)
      underWay = this.#do(last)
      const refused = underWay.then(
        () => [],
        (error: unknown) => (error instanceof Refused ? [error.message, plugin.story] : []),
      )
      return await Promise.race([refused, ...(ms === undefined ? [] : [sleep(ms, [])])])
    } catch (error) {
      return [(error as Error).message, plugin.story]
    } finally {
      await this.#host.cut(plugin, this.#random, underWay)
    }
  }

  /** The last start: what is wrong, also with what is not mounted any more. */
  async end(): Promise<readonly string[]> {
    const plugin = await this.#host.start(this.#settings)
    try {
      const faults = [
        ...(await this.#look(plugin)),
        ...(await endAndCheck(this.#host.world, plugin)),
      ]
      return faults.length > 0 ? [...faults, plugin.story] : []
    } finally {
      await plugin.kill()
    }
  }

  async #look(plugin: Plugin): Promise<readonly string[]> {
    const faults = await judge(this.#host.world, plugin, {
      volumes: Object.fromEntries(this.#known),
    })
    if (faults.length > 0) return faults
    for (const [name, known] of this.#known) {
      if (known.is === 'either') await this.#settle(plugin, name, known)
    }
    return []
  }

  /** Nobody was answered: it is seen what it came to, and what was to be made is asked for again. */
  async #settle(plugin: Plugin, name: string, known: Known): Promise<void> {
    if (await isThere(plugin, name)) this.#known.set(name, { is: 'there', texts: known.texts })
    else if (known.isParked) this.#known.set(name, { ...known, is: 'gone' })
    else await this.#create(plugin, name)
  }

  /** When the power is cut at the latest; undefined: when the plugin comes to one of its calls, or is done. */
  async #armed(plugin: Plugin): Promise<number | undefined> {
    if (this.#random.chance(0.5)) {
      const ms = this.#random.between(0, LONGEST_MS)
      this.#told.push(`within ${ms} ms:`)
      return ms
    }
    const call = this.#random.between(1, MOST_CALLS)
    const when = this.#random.pick(['before', 'after'] as const)
    this.#told.push(`until ${when} call ${call}:`)
    await plugin.arm({ call, when })
    return undefined
  }

  async #do({ what, act }: Act): Promise<void> {
    this.#told.push(what)
    await act()
    this.#told.push('ok')
  }

  async #draw(plugin: Plugin): Promise<Act> {
    const unused = NAMES.find(name => !this.#known.has(name))
    const isFree = (await countClaims(plugin)) < this.#host.world.disks.length
    const free = unused && isFree ? [unused] : []
    const those = (which: (known: Known) => boolean | undefined) =>
      [...this.#known].filter(([, known]) => which(known)).map(([name]) => name)
    const there = those(({ is }) => is === 'there')
    const parked = those(({ isParked }) => isParked)
    const kept = those(({ isParked, isDoomed }) => isParked && !isDoomed)
    const each = (names: readonly string[], what: string, act: (name: string) => Promise<void>) =>
      names.map(name => ({ what: `${what} ${name}`, act: () => act(name) }))
    return this.#random.pick([
      ...each([...free, ...free, ...free], 'create', name => this.#create(plugin, name)),
      ...each(there, 'write', name => this.#write(plugin, name)),
      ...each(there, 'remove', name => this.#remove(plugin, name)),
      ...each(kept, 'restore', name => this.#restore(plugin, name)),
      ...each(parked, 'wipe', name => this.#wipe(plugin, name)),
    ])
  }

  async #create(plugin: Plugin, name: string): Promise<void> {
    this.#known.set(name, { is: 'either', texts: [''] })
    await create(plugin, name)
    this.#known.set(name, { is: 'there', texts: [''] })
  }

  async #write(plugin: Plugin, name: string): Promise<void> {
    const { texts } = this.#require(name)
    const text = `${name} ${(this.#texts += 1)}`
    this.#known.set(name, { is: 'there', texts: [...texts, text] })
    const { Mountpoint } = await mount(plugin, name, 'writer')
    await replaceFile(join(String(Mountpoint), 'file'), text)
    this.#known.set(name, { is: 'there', texts: [text] })
    await unmount(plugin, name, 'writer')
  }

  async #remove(plugin: Plugin, name: string): Promise<void> {
    const { texts } = this.#require(name)
    this.#known.set(name, { is: 'either', texts, isParked: true })
    await ok(plugin.call('Remove', { Name: name }))
    this.#known.set(name, { is: 'gone', texts, isParked: true })
  }

  async #restore(plugin: Plugin, name: string): Promise<void> {
    const { texts } = this.#require(name)
    this.#known.set(name, { is: 'either', texts, isParked: true })
    await ok(plugin.operate('POST', `/v1/volumes/${name}/restore`))
    this.#known.set(name, { is: 'there', texts })
  }

  async #wipe(plugin: Plugin, name: string): Promise<void> {
    this.#known.set(name, { is: 'gone', texts: [], isParked: true, isDoomed: true })
    await wipe(plugin, name)
    this.#known.delete(name)
  }

  #require(name: string): Known {
    const known = this.#known.get(name)
    if (!known) throw new Error(`There is no volume ${name}`)
    return known
  }
}
