import { keyOf } from './disk.ts'
import type { DiskKey } from './disk.ts'
import type { Disks } from './disks.ts'

/** Which disks are there, and what the kernel calls them, as of the last look: what Get can tell without waiting. */
export class Presence {
  readonly #disks: Disks
  #names = new Map<DiskKey, string>()

  constructor(disks: Disks) {
    this.#disks = disks
  }

  nameOf(key: DiskKey): string | undefined {
    return this.#names.get(key)
  }

  async refresh(): Promise<void> {
    const names = new Map<DiskKey, string>()
    for (const { identity, name } of await this.#disks.list()) {
      const key = keyOf(identity)
      if (key) names.set(key, name)
    }
    this.#names = names
  }
}
