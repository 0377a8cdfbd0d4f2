import { mkdir, readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Level } from 'level'
import { bootId } from './boot-id.ts'
import { damage, knownDamage } from './level-damage.ts'
import { OutcomeUnknown, StoreUnavailable } from './store.ts'

export type LevelWrite =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string }

/** Small: what is read again and again is one window of a pool. */
export const LEVEL_OPTIONS = { cacheSize: 1 << 20, writeBufferSize: 1 << 20 }

type Queued = {
  readonly writes: readonly LevelWrite[]
  readonly sync: boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const REOPEN_EVERY_MS = 1000

/**
 * One LevelDB folder. After a failed write nobody knows what the log holds, so the database is closed and opened again
 * before anything else is answered: what it reads then is the truth.
 */
export class LevelDatabase {
  readonly #folder: string
  readonly #stop = new AbortController()
  #level: Level | undefined
  #fault: unknown
  #reopening: Promise<void> = Promise.resolve()
  readonly #queue: Queued[] = []
  #writing: Promise<void> | undefined

  private constructor(folder: string, level: Level) {
    this.#folder = folder
    this.#level = level
  }

  /** @throws {StoreUnavailable} saying why: locked by another process, not writable, corrupt, no space */
  static async open(folder: string): Promise<LevelDatabase> {
    return new LevelDatabase(folder, await openLevel(folder))
  }

  /** @throws {StoreUnavailable} while nothing can be read or written */
  requireOpen(): void {
    this.#open()
  }

  /** @throws {StoreUnavailable} */
  get(key: string): string | undefined {
    const level = this.#open()
    try {
      return level.getSync(key)
    } catch (cause) {
      throw this.#unreadable(cause)
    }
  }

  /** @throws {StoreUnavailable} */
  async list(from: string, to: string, limit: number): Promise<[string, string][]> {
    const level = this.#open()
    try {
      return await level.iterator({ gte: from, lt: to, limit }).all()
    } catch (cause) {
      throw this.#unreadable(cause)
    }
  }

  /**
   * All of `writes` or none; with `sync`, on the disk before it returns. One batch is under way at a time, and those that
   * come meanwhile make up the next: behind a write that failed nothing may be answered, as LevelDB's log ends there.
   *
   * @throws {OutcomeUnknown} the write failed on its way; the database is opened anew
   * @throws {StoreUnavailable}
   */
  async write(writes: readonly LevelWrite[], { sync }: { sync: boolean }): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#queue.push({ writes, sync, resolve, reject })
    this.#writing ??= this.#writeQueue()
    await promise
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#writing
    await this.#reopening
    const level = this.#level
    this.#level = undefined
    await level?.close()
  }

  #open(): Level {
    if (this.#level) return this.#level
    const why = this.#fault ? reason(this.#fault) : 'it is closed'
    throw new StoreUnavailable(`The state in ${this.#folder} cannot be used: ${why}`, {
      cause: this.#fault,
    })
  }

  async #writeQueue(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0)
      try {
        await this.#writeGroup(group)
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#writing = undefined
  }

  async #writeGroup(group: readonly Queued[]): Promise<void> {
    const level = this.#open()
    const writes = group.flatMap(one => one.writes)
    const [first] = writes
    const options = { sync: group.some(({ sync }) => sync) }
    try {
      // Most are but one put: the cheapest way in.
      if (writes.length === 1 && first?.type === 'put')
        await level.put(first.key, first.value, options)
      else await level.batch(writes, options)
    } catch (cause) {
      this.#failed(level, cause)
      throw new OutcomeUnknown(`Cannot write to ${this.#folder}: ${reason(cause)}`, { cause })
    }
  }

  #unreadable(cause: unknown): StoreUnavailable {
    const why = `Cannot read the state in ${this.#folder}: ${reason(cause)}`
    return new StoreUnavailable(why, { cause })
  }

  #failed(level: Level, cause: unknown): void {
    if (this.#level !== level) return
    this.#level = undefined
    this.#fault = cause
    this.#reopening = this.#reopen(level)
  }

  async #reopen(broken: Level): Promise<void> {
    await broken.close().catch(() => {})
    while (!this.#stop.signal.aborted) {
      try {
        this.#level = await openLevel(this.#folder)
        return
      } catch (cause) {
        this.#fault = cause
        await sleep(REOPEN_EVERY_MS, undefined, { signal: this.#stop.signal }).catch(() => {})
      }
    }
  }
}

async function openLevel(folder: string): Promise<Level> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const boot = await bootId()
    refuseDamaged(await knownDamage(folder, boot))
    const level = new Level(folder, { ...LEVEL_OPTIONS, createIfMissing: await isEmpty(folder) })
    await level.open()
    try {
      refuseDamaged(await damage(folder, boot))
      return level
    } catch (error) {
      await level.close()
      throw error
    }
  } catch (cause) {
    throw new StoreUnavailable(`Cannot open the state in ${folder}: ${reason(cause)}`, { cause })
  }
}

function refuseDamaged(found: string | undefined): void {
  if (found !== undefined) throw Object.assign(new Error(found), { code: 'LEVEL_CORRUPTION' })
}

/** A database that lost its index file is not a new one: opened as such, it would forget every address. */
async function isEmpty(folder: string): Promise<boolean> {
  const files = await readdir(folder)
  return !files.some(name => /\.(log|ldb|sst)$/.test(name))
}

/** What stands against it and what would help, from the innermost error that knows. */
function reason(error: unknown): string {
  const { code, message } = innermost(error)
  switch (code) {
    case 'LEVEL_LOCKED':
      return 'another process has it open; stop that one, or give this one a DATA_DIR of its own'
    case 'LEVEL_CORRUPTION':
      return `it is corrupt (${message}); stop every container that has its address from here, then restore the folder from a backup or move it away to start empty`
    case 'EACCES':
    case 'EROFS':
      return notWritable(message)
    case 'EEXIST':
    case 'ENOTDIR':
      return `a file stands where a folder should be (${message}); move it away, or set another DATA_DIR`
    case 'LEVEL_IO_ERROR':
      return ofLevel(message)
    default:
      return message
  }
}

/** LevelDB has one code for whatever the system refused it. */
function ofLevel(message: string): string {
  if (/Permission denied|Read-only file system/.test(message)) return notWritable(message)
  if (/No such file/.test(message))
    return `a file of it is gone (${message}); restore the folder from a backup`
  return message
}

const notWritable = (message: string): string =>
  `it is not writable (${message}); make the folder writable, or set another DATA_DIR`

function innermost(error: unknown): { code: unknown; message: string } {
  if (!(error instanceof Error)) return { code: undefined, message: String(error) }
  if (error.cause instanceof Error) return innermost(error.cause)
  return { code: 'code' in error ? error.code : undefined, message: error.message }
}
