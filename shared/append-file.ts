import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs'

/**
 * Records appended to a file, written synchronously: each survives the death of the process from the moment that
 * `append` returns, which is sooner than any asynchronous write could say so. Not synced: a power cut may lose them.
 */
export class AppendFile {
  readonly #file: string
  #descriptor: number
  #size: number

  /** @throws {Error} where the file cannot be written */
  constructor(file: string) {
    this.#file = file
    this.#descriptor = openSync(file, 'a', 0o600)
    this.#size = fstatSync(this.#descriptor).size
  }

  /** In bytes. */
  get size(): number {
    return this.#size
  }

  /** What was appended since the file was last cleared; the last one may be torn. */
  records(): string[] {
    return readFileSync(this.#file, 'utf8')
      .split('\n')
      .filter(record => record !== '')
  }

  /**
   * The line feed comes first: whatever a failed write left behind ends there.
   *
   * @throws {Error} where not all of it was written: what is there of it is torn
   */
  append(record: string): void {
    const line = `\n${record}`
    const written = writeSync(this.#descriptor, line)
    this.#size += written
    // The system writes what there is room for, and calls that a success.
    if (written < Buffer.byteLength(line))
      throw Object.assign(new Error(`ENOSPC: no space left on device, write ${this.#file}`), {
        code: 'ENOSPC',
      })
  }

  /** These records instead of all there are: whoever dies meanwhile leaves the ones or the others. */
  replace(records: readonly string[]): void {
    const draft = `${this.#file}.new`
    writeFileSync(draft, records.map(record => `\n${record}`).join(''), { mode: 0o600 })
    const descriptor = openSync(draft, 'a')
    renameSync(draft, this.#file)
    closeSync(this.#descriptor)
    this.#descriptor = descriptor
    this.#size = fstatSync(descriptor).size
  }

  clear(): void {
    ftruncateSync(this.#descriptor, 0)
    this.#size = 0
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}
