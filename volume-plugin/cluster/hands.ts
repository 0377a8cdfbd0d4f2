import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { within } from '../../shared/within.ts'
import { readAnswer, STARTED } from './hand-words.ts'
import type { Answer, Job } from './hand-words.ts'
import type { RootSettings } from './root.ts'

const PROGRAM = join(import.meta.dirname, 'hand.ts')
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin'
const MOST_HANDS = 4
const MOST_WORDS = 2000
/** For a turn: many containers may start at once, on a machine that has just booted. */
const WAIT_MS = 12_000
/** On a machine that has just booted, with everything still on its disk. */
const START_MS = 12_000

/** A job was not done by its deadline. Its hand was killed, but lives on for as long as the file system hangs. */
export class HandLate extends Error {
  override readonly name = 'HandLate'
  /** Resolves when it no longer lives. */
  readonly gone: Promise<void>

  constructor(message: string, gone: Promise<void>) {
    super(message)
    this.gone = gone
  }
}

/** A job waited for its turn for too long: whether the file system hangs, it does not tell. */
export class HandsBusy extends Error {
  override readonly name = 'HandsBusy'
}

type Waiting = {
  readonly job: Job
  readonly withinMs: number
  readonly begin: () => void
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

/** Programs that do jobs, a few at a time. One that is done with its job takes the next that waits, else it ends. */
export class Hands {
  readonly #settings: RootSettings
  readonly #waiting: Waiting[] = []
  readonly #hands = new Set<Hand>()

  constructor(settings: RootSettings) {
    this.#settings = settings
  }

  /**
   * @param withinMs from when a hand has it
   * @throws {HandLate}
   * @throws {HandsBusy}
   */
  async run(job: Job, withinMs: number): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const busy = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
      const seconds = WAIT_MS / 1000
      reject(
        new HandsBusy(
          `${MOST_HANDS} are done at a time, and its turn did not come in ${seconds} s`,
        ),
      )
    }, WAIT_MS)
    const begin = () => clearTimeout(busy)
    const waiting = { job, withinMs, begin, resolve, reject }
    this.#waiting.push(waiting)
    this.#begin()
    return await promise
  }

  /** Of those under way each has its deadline. */
  refuseWaiting(error: Error): void {
    for (const { begin, reject } of this.#waiting.splice(0)) {
      begin()
      reject(error)
    }
  }

  /** Never waits for a hand. */
  close(): void {
    this.refuseWaiting(new HandsBusy('The plugin stops'))
    for (const hand of this.#hands) hand.kill()
  }

  #begin(): void {
    if (this.#waiting.length > 0 && this.#hands.size < MOST_HANDS) void this.#work()
  }

  /** Where there is no memory for one, and none is at work, who waits is told. */
  #newHand(): Hand | undefined {
    try {
      return new Hand(this.#settings)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      const refused = new Error(
        `The program that asks the cluster file system cannot be run: ${why}`,
      )
      if (this.#hands.size === 0) this.refuseWaiting(refused)
      return undefined
    }
  }

  async #work(): Promise<void> {
    const hand = this.#newHand()
    if (!hand) return
    this.#hands.add(hand)
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      next.begin()
      try {
        next.resolve(await hand.ask(next.job, next.withinMs))
      } catch (error) {
        next.reject(error as Error)
        // Whoever was late tells the others; of one that broke they need another.
        if (!(error instanceof HandLate)) setImmediate(() => this.#begin())
        break
      }
    }
    this.#hands.delete(hand)
    hand.end()
  }
}

/** One of them: one job at a time. */
export class Hand {
  readonly #child: ChildProcess
  readonly #gone = Promise.withResolvers<void>()
  readonly #started = Promise.withResolvers<void>()
  #asked: PromiseWithResolvers<Answer> | undefined
  #said = ''
  /** Why it does nothing any more. */
  #failed: Error | undefined

  constructor({ root, mount, types }: RootSettings) {
    const cache = process.env['NODE_COMPILE_CACHE']
    const child = spawn(process.execPath, [PROGRAM, JSON.stringify({ root, mount, types })], {
      cwd: '/',
      // A group of its own, with the tools that it runs: they are killed with it.
      detached: true,
      env: { PATH, LC_ALL: 'C', ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }) },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#child = child
    child.once('exit', () => this.#gone.resolve())
    child.once('error', cause => this.#fail(`cannot be run: ${cause.message}`, cause))
    child.once('close', (code, signal) => this.#fail(`ended with ${code ?? signal}`))
    this.#listen(child)
  }

  /** A child that cannot be run for want of descriptors has no streams, whatever its type says. */
  #listen({ stdin, stdout, stderr }: Partial<ChildProcess>): void {
    stdin?.on('error', () => {})
    stderr?.setEncoding('utf8').on('data', (part: string) => {
      if (this.#said.length < MOST_WORDS) this.#said += part
    })
    if (stdout) createInterface({ input: stdout }).on('line', line => this.#hear(line))
  }

  /**
   * @param withinMs from when it has started: that it is slow to start says nothing of the file system
   * @throws {HandLate}
   * @throws {HandsBusy}
   */
  async ask(job: Job, withinMs: number): Promise<Answer> {
    await this.#requireStarted()
    if (this.#failed) throw this.#failed
    const asked = Promise.withResolvers<Answer>()
    this.#asked = asked
    this.#child.stdin?.write(`${JSON.stringify(job)}\n`)
    const timer = setTimeout(() => {
      this.kill()
      asked.reject(new HandLate(`"${job.do}" was not done in time`, this.#gone.promise))
    }, withinMs)
    try {
      return await asked.promise
    } finally {
      clearTimeout(timer)
      this.#asked = undefined
    }
  }

  async #requireStarted(): Promise<void> {
    const started = this.#started.promise.then(() => true)
    if ((await within(started, START_MS)) !== undefined) return
    this.kill()
    throw new HandsBusy(`the program that asks did not start in ${START_MS / 1000} s`)
  }

  end(): void {
    this.#child.stdin?.end()
  }

  /** Nobody waits for it any more: neither who asked nor the end of this process. */
  kill(): void {
    const { pid, stdin, stdout, stderr } = this.#child
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
    for (const stream of [stdin, stdout, stderr]) stream?.destroy()
    this.#child.unref()
  }

  #hear(line: string): void {
    if (line === STARTED) return this.#started.resolve()
    try {
      this.#asked?.resolve(readAnswer(line))
    } catch (error) {
      this.#asked?.reject(error as Error)
    }
  }

  #fail(how: string, cause?: Error): void {
    this.#started.resolve()
    this.#gone.resolve()
    const said = this.#said.trim()
    const message = `The program that asks the cluster file system ${how}${said && `: ${said}`}`
    this.#failed ??= new Error(message, cause && { cause })
    this.#asked?.reject(this.#failed)
  }
}
