import { readFile } from 'node:fs/promises'
import * as v from '@badrap/valita'
import { KeyedQueue } from '../../shared/keyed-queue.ts'
import { replaceFile } from '../../shared/replace-file.ts'
import { isSystemError } from '../../shared/system-error.ts'

const content = v.object({ volumes: v.record(v.string()) })

/**
 * The names of all volumes that were answered, by claim, in files beside the journal: where it lost one of them, or is
 * gone altogether, that is noticed instead of telling the engine that there is no such volume.
 *
 * Each file alone is enough, and each change is on the disk, in all of them, when it returns.
 */
export class Witness {
  readonly #files: readonly string[]
  readonly #queue = new KeyedQueue()
  #volumes = new Map<string, string>()

  private constructor(files: readonly string[]) {
    this.#files = files
  }

  /** @throws {Error} for a file that is there and cannot be read */
  static async open(files: readonly string[]): Promise<Witness> {
    const witness = new Witness(files)
    for (const file of files) {
      for (const [id, name] of await read(file)) witness.#volumes.set(id, name)
    }
    return witness
  }

  /** Names by claim. */
  get volumes(): ReadonlyMap<string, string> {
    return this.#volumes
  }

  async add(id: string, name: string): Promise<void> {
    if (this.#volumes.get(id) !== name) await this.addAll([[id, name]])
  }

  /** Writes all files, also those that are missing. */
  async addAll(names: Iterable<readonly [id: string, name: string]>): Promise<void> {
    await this.#change(volumes => {
      for (const [id, name] of names) volumes.set(id, name)
    })
  }

  async remove(id: string): Promise<void> {
    if (this.#volumes.has(id)) await this.#change(volumes => volumes.delete(id))
  }

  async #change(change: (volumes: Map<string, string>) => unknown): Promise<void> {
    await this.#queue.run('files', async () => await this.#write(change))
  }

  async #write(change: (volumes: Map<string, string>) => unknown): Promise<void> {
    const volumes = new Map(this.#volumes)
    change(volumes)
    const text = `${JSON.stringify({ volumes: Object.fromEntries(volumes) })}\n`
    for (const file of this.#files) await replaceFile(file, text)
    this.#volumes = volumes
  }
}

async function read(file: string): Promise<[string, string][]> {
  try {
    return Object.entries(content.parse(JSON.parse(await readFile(file, 'utf8'))).volumes)
  } catch (cause) {
    if (isSystemError(cause, 'ENOENT')) return []
    throw new Error(
      `The list of volumes in ${file} cannot be read (${(cause as Error).message}); restore it from a backup, or remove it if the folder db beside it is whole`,
      { cause },
    )
  }
}
