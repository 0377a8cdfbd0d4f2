import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { COMPILE_CACHE } from '../../../compile-cache.ts'
import { endSession } from '../../process-session.ts'
import type { KillAt } from './steps.ts'

const MAIN = fileURLToPath(new URL('killable-main.ts', import.meta.url))
const DEADLINE_MS = 60_000
const TENDED = '"msg":"tended"'

export type Answer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> }

export type PluginOptions = {
  /** Its DATA_DIR, MOUNT_ROOT and sockets are in here. */
  readonly folder: string
  readonly settings: Readonly<Record<string, string>>
  /** Runs it through another command, such as strace. */
  readonly through?: readonly string[]
}

export const dataOf = (folder: string): string => join(folder, 'data')
export const mountRootOf = (folder: string): string => join(folder, 'mounts')

/** A process of the killable plugin, in a process group of its own with the tools that it runs. */
export class Plugin {
  readonly #folder: string
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #log: string[] = []
  #errors = ''

  constructor({ folder, settings, through = [] }: PluginOptions) {
    const [program, ...args] = [...through, process.execPath, MAIN]
    const env = {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C',
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      DATA_DIR: dataOf(folder),
      MOUNT_ROOT: mountRootOf(folder),
      PLUGIN_SOCKET: join(folder, 'ssd.sock'),
      HOST_NAME: 'testhost',
      SSD_ALLOW_LOOP: '1',
      ...settings,
    }
    this.#folder = folder
    this.#child = spawn(program ?? '', args, {
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#exited = once(this.#child, 'exit')
    const { stdout, stderr } = this.#child
    if (!stdout || !stderr) throw new Error('The plugin must be started with its output piped')
    createInterface(stdout).on('line', line => this.#log.push(line))
    stderr.on('data', text => (this.#errors += String(text)))
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** For people who look for the cause of a failure. */
  get story(): string {
    return [...this.#log.filter(line => !line.includes(TENDED)), this.#errors].join('\n')
  }

  /** Until all that an earlier process left was tended to once. */
  async tended(): Promise<void> {
    await this.#logged(TENDED)
  }

  async #logged(text: string): Promise<void> {
    const started = performance.now()
    while (!this.#log.some(line => line.includes(text))) {
      if (!this.running) throw new Error(`The plugin ended: ${this.story}`)
      if (performance.now() - started > DEADLINE_MS)
        throw new Error(`The plugin did not log ${text}: ${this.story}`)
      await sleep(5)
    }
  }

  /** Counts its calls from here on, and is killed at one of them. */
  async arm(killAt: KillAt): Promise<void> {
    const armed = once(this.#child, 'message')
    this.#child.send(killAt)
    await armed
  }

  /** Calls a method as the engine does. @throws {Error} where the connection is dropped */
  async call(method: string, body: object = {}): Promise<Answer> {
    const path = `/VolumeDriver.${method}`
    return await send({ socketPath: join(this.#folder, 'ssd.sock'), path, method: 'POST' }, body)
  }

  /** Asks as the operator does. @throws {Error} where the connection is dropped */
  async operate(method: 'GET' | 'POST', path: string, body: object = {}): Promise<Answer> {
    const socketPath = join(dataOf(this.#folder), 'berth/ssd/admin.sock')
    for (const started = performance.now(); ;) {
      try {
        return await send({ socketPath, path, method }, body)
      } catch (error) {
        // It comes a little later than the engine's.
        const isEarly = ['ENOENT', 'ECONNREFUSED'].includes(codeOf(error))
        if (!isEarly || !this.running || performance.now() - started > DEADLINE_MS) throw error
        await sleep(10)
      }
    }
  }

  /** To it and to all tools that it runs. */
  signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(-pid, signal)
    } catch (error) {
      if (codeOf(error) !== 'ESRCH') throw error
    }
  }

  /** What it ended with; by force where it does not. */
  async ended(): Promise<NodeJS.Signals | number | null> {
    const late = setTimeout(() => this.signal('SIGKILL'), DEADLINE_MS)
    await this.#exited
    clearTimeout(late)
    return this.#child.signalCode ?? this.#child.exitCode
  }

  /** With all tools that it runs, of which none lives when it returns. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.ended()
    await endSession(this.#child.pid ?? 0)
  }
}

type Target = { readonly socketPath: string; readonly path: string; readonly method: string }

async function send(target: Target, body: object): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const signal = AbortSignal.timeout(DEADLINE_MS)
  const sent = request({ ...target, agent: false, signal }, response => {
    let received = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => (received += chunk))
    response.on('error', reject)
    response.on('end', () => {
      const answered = JSON.parse(received) as Answer['body']
      resolve({ status: response.statusCode ?? 0, body: answered })
    })
  })
  sent.on('error', reject)
  sent.end(target.method === 'GET' ? '' : JSON.stringify(body))
  return await promise
}

const codeOf = (error: unknown): string => String((Object(error) as { code?: unknown }).code)
