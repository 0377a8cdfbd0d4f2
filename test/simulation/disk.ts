import type { AddressEntry, Journal, PoolEntry } from '../../ipam-plugin/journal.ts'
import type { NoteBook, Notes } from '../../ipam-plugin/notes.ts'
import type { PoolId } from '../../ipam-plugin/pool-id.ts'
import type { Random } from '../history/random.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What a host's disk has of the plugin. Everything written survives the process; a power cut only what was synced. */
export class Disk implements Journal, NoteBook {
  readonly #time: VirtualTime
  readonly #random: Random
  addressEntries = new Map<string, AddressEntry>()
  #synced = new Map<string, AddressEntry>()
  readonly poolEntries = new Map<PoolId, PoolEntry>()
  notes: Notes | undefined
  /** How often all was lost: what was under way then is lost too. */
  #losses = 0

  constructor(time: VirtualTime, random: Random) {
    this.#time = time
    this.#random = random
  }

  /** Of each address entry that was not synced, the old or the new one is left. */
  cutPower(): void {
    const keys = new Set([...this.addressEntries.keys(), ...this.#synced.keys()])
    for (const key of keys) {
      const old = this.#synced.get(key)
      if (!this.#random.chance(0.5)) continue
      if (old) this.addressEntries.set(key, old)
      else this.addressEntries.delete(key)
    }
    this.#synced = new Map(this.addressEntries)
  }

  /** As if the state directory had been lost, but not the identity. */
  lose(): void {
    this.#losses += 1
    this.addressEntries.clear()
    this.#synced.clear()
    this.poolEntries.clear()
    this.notes = undefined
  }

  address(key: string): AddressEntry | undefined {
    return this.addressEntries.get(key)
  }

  async *addresses(prefix = ''): AsyncIterable<readonly [string, AddressEntry]> {
    const keys = [...this.addressEntries.keys()].filter(key => key.startsWith(prefix))
    await this.#time.sleep(this.#random.next() / 2)
    for (const key of keys) {
      const entry = this.address(key)
      if (entry) yield [key, entry]
    }
  }

  writeAddress(key: string, entry: AddressEntry | undefined): void {
    if (entry) this.addressEntries.set(key, entry)
    else this.addressEntries.delete(key)
  }

  async sync(): Promise<void> {
    const now = new Map(this.addressEntries)
    await this.#write(() => (this.#synced = now))
  }

  async pools(): Promise<(readonly [PoolId, PoolEntry])[]> {
    await this.#time.sleep(this.#random.next())
    return [...this.poolEntries]
  }

  async writePool(id: PoolId, entry: PoolEntry | undefined): Promise<void> {
    await this.#write(() => {
      if (entry) this.poolEntries.set(id, entry)
      else this.poolEntries.delete(id)
    })
  }

  async read(): Promise<Notes | undefined> {
    await this.#time.sleep(this.#random.next())
    return this.notes
  }

  async write(notes: Notes): Promise<void> {
    await this.#write(() => (this.notes = notes))
  }

  /** What was handed to the kernel is written, even if the process dies before it hears of it. */
  async #write(job: () => void): Promise<void> {
    const losses = this.#losses
    this.#time.after(this.#random.next(), () => {
      if (losses === this.#losses) job()
    })
    await this.#time.sleep(1 + this.#random.next())
  }
}
