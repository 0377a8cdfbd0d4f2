import type { FileHandle } from 'node:fs/promises'

const DEADLINE_MS = 30_000

/**
 * What is done on one disk: one thing after the other, each with a deadline. A disk that hangs keeps a thread of Node's few
 * until it answers or is pulled out, so that nothing more is begun on it before: it costs one thread, however often it is asked.
 */
export class Lane {
  readonly #node: string
  #turn: Promise<unknown> = Promise.resolve()
  /** What has passed its deadline and is still not done. */
  #overdue: { readonly what: string; readonly done: Promise<unknown> } | undefined

  constructor(node: string) {
    this.#node = node
  }

  /**
   * @param late what is to be done with a result that nobody waits for any more
   * @throws {Error} where it fails, does not end in time, or something begun before has not ended yet
   */
  async run<T>(
    what: string,
    act: () => Promise<T>,
    { deadlineMs = DEADLINE_MS, late }: { deadlineMs?: number; late?: (result: T) => unknown } = {},
  ): Promise<T> {
    const turn = this.#turn.then(() => this.#begin(what, act, deadlineMs, late))
    this.#turn = turn.catch(() => undefined)
    return await turn
  }

  /** Never fails: what is closed is of no more use. */
  async close(handle: FileHandle): Promise<void> {
    const close = async () => await handle.close().catch(() => undefined)
    if (this.#overdue) void this.#overdue.done.then(close)
    else await this.run('close', close).catch(() => undefined)
  }

  async #begin<T>(
    what: string,
    act: () => Promise<T>,
    deadlineMs: number,
    late: ((result: T) => unknown) | undefined,
  ): Promise<T> {
    const asked = `${what} ${this.#node}`
    if (this.#overdue) {
      throw new Error(
        `Cannot ${asked}: the disk hangs since it was asked to ${this.#overdue.what}; pull it out, or restart the host`,
      )
    }
    const work = act()
    const { promise: timeout, resolve } = Promise.withResolvers<'late'>()
    const timer = setTimeout(() => resolve('late'), deadlineMs)
    const ended = work.then(
      value => ({ value }),
      (cause: Error) => ({ cause }),
    )
    const first = await Promise.race([ended, timeout])
    clearTimeout(timer)
    if (first === 'late') {
      const done = ended.then(async end => {
        this.#overdue = undefined
        if ('value' in end) await late?.(end.value)
      })
      this.#overdue = { what, done }
      throw new Error(`The disk did not ${asked} within ${deadlineMs / 1000} s`)
    }
    if ('value' in first) return first.value
    throw new DiskError(`Cannot ${asked}: ${first.cause.message}`, first.cause)
  }
}

/** With the code of the system's error, such as `EBUSY`. */
export class DiskError extends Error {
  override readonly name = 'DiskError'
  readonly code: string | undefined

  constructor(message: string, cause: Error) {
    super(message, { cause })
    this.code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
  }
}
