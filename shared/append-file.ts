import { closeSync, ftruncateSync, fstatSync, openSync, readFileSync, writeSync } from 'node:fs'

/**
 * Records appended to a file, written synchronously: each survives the death of the process from the moment that
 * `append` returns, which is sooner than any asynchronous write could say so. Not synced: a power cut may lose them.
 */
export class AppendFile {
  readonly #descriptor: number
  #size: number

  /** @throws {Error} where the file cannot be written */
  constructor(file: string) {
    this.#descriptor = openSync(file, 'a+', 0o600)
    this.#size = fstatSync(this.#descriptor).size
  }

  /** In bytes. */
  get size(): number {
    return this.#size
  }

  /** What was appended since the file was last cleared; the last one may be torn. */
  records(): string[] {
    return readFileSync(this.#descriptor, 'utf8')
      .split('\n')
      .filter(record => record !== '')
  }

  /** The line feed comes first: whatever a failed write left behind ends there. */
  append(record: string): void {
    this.#size += writeSync(this.#descriptor, `\n${record}`)
  }

  clear(): void {
    ftruncateSync(this.#descriptor, 0)
    this.#size = 0
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}
