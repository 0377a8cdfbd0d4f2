import type { Entry } from '../../shared/store.ts'

/** Decodes entries that are listed again and again, of which few have changed in between. */
export class Decoded<T> {
  readonly #decode: (entry: Entry) => T
  #known: ReadonlyMap<string, { readonly value: string; readonly record: T }> = new Map()

  constructor(decode: (entry: Entry) => T) {
    this.#decode = decode
  }

  /**
   * @param entries all that there are
   * @param told why the one at that key cannot be read, which is left out
   */
  async all(entries: AsyncIterable<Entry>, told: (why: string, key: string) => void): Promise<T[]> {
    const found = new Map<string, { value: string; record: T }>()
    for await (const entry of entries) {
      const known = this.#known.get(entry.key)
      if (known?.value === entry.value) found.set(entry.key, known)
      else {
        try {
          found.set(entry.key, { value: entry.value, record: this.#decode(entry) })
        } catch (error) {
          told((error as Error).message, entry.key)
        }
      }
    }
    this.#known = found
    return Array.from(found.values(), ({ record }) => record)
  }
}
