import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { COMPILE_CACHE } from '../compile-cache.ts'

const PRELOAD = new URL('preload.ts', import.meta.url).href
const READY_WITHIN_MS = 30_000

/** Nothing listens: what was asked was surely not heard. */
export class NotDelivered extends Error {
  override readonly name = 'NotDelivered'
}

/** Which plugin an instance is of. */
export type Program = {
  readonly main: string
  /** What its methods are called by. */
  readonly driver: string
  /** Its folder in the state directory. */
  readonly part: string
  /** Runs it through another command, such as one that enters a namespace. */
  readonly through?: readonly string[]
}

const IPAM: Program = {
  main: fileURLToPath(new URL('../../ipam-plugin/main.ts', import.meta.url)),
  driver: 'IpamDriver',
  part: 'ipam',
}

export type Answer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> }

const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** One host's plugin: a real process that can be killed, stopped, rebooted, and whose clock can be wrong. */
export class Instance {
  readonly name: string
  readonly #folder: string
  readonly #settings: Readonly<Record<string, string>>
  readonly #preloads: readonly string[]
  readonly #program: Program
  readonly #agent = new Agent({ keepAlive: true })
  #child: ChildProcess | undefined
  #boot = 0

  /**
   * @param folder its own; its log is in there
   * @param preloads modules loaded into it before its main: what a broken double replaces
   */
  constructor(
    name: string,
    folder: string,
    settings: Readonly<Record<string, string>>,
    preloads: readonly string[] = [],
    program = IPAM,
  ) {
    this.name = name
    this.#folder = folder
    this.#settings = settings
    this.#preloads = preloads
    this.#program = program
  }

  get running(): boolean {
    return this.#child !== undefined
  }

  /** Starts the process, if it does not run. */
  async start(): Promise<void> {
    if (this.#child) return
    await mkdir(this.#folder, { recursive: true })
    if (this.#boot === 0) this.#boot = 1
    this.#writeClock(0, 'wx')
    const log = openSync(join(this.#folder, 'log'), 'a')
    const preloads = [PRELOAD, ...this.#preloads].flatMap(module => ['--import', module])
    const { main, through = [] } = this.#program
    const [command, ...wrapped] = [...through, process.execPath]
    const child = spawn(command, [...wrapped, ...preloads, main], {
      env: {
        PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
        LC_ALL: 'C',
        NODE_COMPILE_CACHE: COMPILE_CACHE,
        DATA_DIR: this.#folder,
        PLUGIN_SOCKET: this.#socket,
        HOST_NAME: this.name,
        CLOCK: this.#clock,
        BOOT: `${this.name}-boot-${this.#boot}`,
        ...this.#settings,
      },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    alive.add(child)
    this.#child = child
    child.once('exit', () => {
      alive.delete(child)
      if (this.#child === child) this.#child = undefined
    })
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (!child) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  /** Another boot of the host from the next start on. */
  async reboot(): Promise<void> {
    await this.kill()
    this.#boot += 1
  }

  stop(): void {
    this.#child?.kill('SIGSTOP')
  }

  continue(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Sets its clock wrong by `ms`, in the middle of whatever it does. */
  shiftClock(ms: number): void {
    this.#writeClock(ms, 'w')
    this.#child?.kill('SIGUSR2')
  }

  /** Resolves when it serves. */
  async ready(): Promise<void> {
    const deadline = performance.now() + READY_WITHIN_MS
    for (let last = ''; ; await sleep(50)) {
      try {
        const { status, body } = await this.admin('GET', '/healthz')
        if (status === 200) return
        last = JSON.stringify(body)
      } catch (error) {
        last = String(error)
      }
      if (!this.#child) throw new Error(`${this.name} ended; see ${this.#folder}/log`)
      if (performance.now() > deadline) {
        throw new Error(`${this.name} is not ready: ${last}; see ${this.#folder}/log`)
      }
    }
  }

  /** Calls a method as the engine does; an empty `text` is its retry that lost its body. */
  async call(method: string, text: string, signal: AbortSignal): Promise<Answer> {
    return await this.#send(
      this.#socket,
      'POST',
      `/${this.#program.driver}.${method}`,
      text,
      signal,
    )
  }

  async admin(method: 'GET' | 'POST', path: string, body?: object): Promise<Answer> {
    const socket = join(this.#folder, 'berth', this.#program.part, 'admin.sock')
    const text = body === undefined ? '' : JSON.stringify(body)
    return await this.#send(socket, method, path, text, AbortSignal.timeout(READY_WITHIN_MS))
  }

  get #socket(): string {
    return join(this.#folder, 'ipam.sock')
  }

  get #clock(): string {
    return join(this.#folder, 'clock')
  }

  #writeClock(ms: number, flag: 'w' | 'wx'): void {
    try {
      writeFileSync(this.#clock, String(ms), { flag })
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    }
  }

  async #send(
    socketPath: string,
    method: 'GET' | 'POST',
    path: string,
    text: string,
    signal: AbortSignal,
  ): Promise<Answer> {
    const headers = {
      Accept: 'application/vnd.docker.plugins.v1.2+json',
      'Content-Length': String(Buffer.byteLength(text)),
      ...(socketPath === this.#socket || text === '' ? {} : { 'Content-Type': 'application/json' }),
    }
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const target = { socketPath, method, path, headers, signal, agent: this.#agent }
    const sent = request(target, response => {
      let received = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (received += chunk))
      response.on('error', reject)
      response.on('end', () => {
        try {
          resolve({
            status: response.statusCode ?? 0,
            body: JSON.parse(received) as Answer['body'],
          })
        } catch (cause) {
          reject(new Error(`The answer is no JSON: ${received}`, { cause }))
        }
      })
    })
    sent.on('error', error => {
      const unheard = ['ECONNREFUSED', 'ENOENT', 'EAGAIN'].some(code => hasCode(error, code))
      reject(unheard ? new NotDelivered(error.message, { cause: error }) : error)
    })
    sent.end(text)
    return await promise
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
