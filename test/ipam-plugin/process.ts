import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { COMPILE_CACHE } from '../compile-cache.ts'

export const MAIN = fileURLToPath(new URL('../../ipam-plugin/main.ts', import.meta.url))
export const TEST_MAIN = fileURLToPath(new URL('killable-main.ts', import.meta.url))

const DEADLINE_MS = 20_000

export type Body = Readonly<Record<string, unknown>>
export type Answer = { readonly status: number; readonly body: Body }
export type LogLine = Readonly<Record<string, unknown>>

export type PluginOptions = {
  /** @default the real one */
  readonly main?: string
  readonly settings?: Readonly<Record<string, string>>
  /** Runs the plugin through another command, such as one that takes privileges away. */
  readonly through?: readonly string[]
}

/** A folder for one plugin: its DATA_DIR, its socket, and what it may leave behind. */
export async function makeFolder(): Promise<string> {
  return await mkdtemp(join(tmpdir(), 'berth-'))
}

/** A plugin process of this host, and the engine's way of speaking to it. */
export class Plugin {
  readonly folder: string
  readonly log: LogLine[] = []
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #agent = new Agent({ keepAlive: true })
  #errors = ''

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder
    this.#child = child
    this.#exited = once(child, 'exit')
    const { stdout, stderr } = child
    if (!stdout || !stderr) throw new Error('The plugin must be started with its output piped')
    createInterface(stdout).on('line', line => this.log.push(JSON.parse(line) as LogLine))
    stderr.on('data', text => (this.#errors += String(text)))
  }

  /** Resolves once it listens; rejects with what it printed where it exits instead. */
  static async start(folder: string, options: PluginOptions = {}): Promise<Plugin> {
    const plugin = Plugin.launch(folder, options)
    await plugin.logged(({ msg }) => msg === 'listening')
    return plugin
  }

  /** As `start`, without waiting for anything. */
  static launch(folder: string, { main = MAIN, settings, through = [] }: PluginOptions): Plugin {
    const [command, ...args] = [...through, process.execPath, main]
    const env = {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C',
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      DATA_DIR: join(folder, 'data'),
      PLUGIN_SOCKET: join(folder, 'ipam.sock'),
      HOST_NAME: 'testhost',
      ...settings,
    }
    return new Plugin(
      folder,
      spawn(command ?? '', args, { env, stdio: ['ignore', 'pipe', 'pipe'] }),
    )
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** What it wrote to its standard error. */
  get errors(): string {
    return this.#errors
  }

  /** The first line of the log, written already or still to come, that `wanted` accepts. */
  async logged(wanted: (line: LogLine) => boolean): Promise<LogLine> {
    const started = performance.now()
    for (;;) {
      const line = this.log.find(wanted)
      if (line) return line
      if (!this.running) throw new Error(`The plugin ended: ${this.#errors}`)
      if (performance.now() - started > DEADLINE_MS) throw new Error('The plugin did not log it')
      await sleep(5)
    }
  }

  /** Calls a method as the engine does: no Content-Type, one connection that is kept. */
  async call(method: string, body?: unknown, hangUp?: AbortSignal): Promise<Answer> {
    const text = body === undefined ? '' : `${JSON.stringify(body)}\n`
    return await this.post(method.includes('.') ? method : `IpamDriver.${method}`, text, hangUp)
  }

  async post(path: string, text: string, hangUp?: AbortSignal): Promise<Answer> {
    const headers = {
      Host: 'plugin.moby.localhost',
      'User-Agent': 'Go-http-client/1.1',
      'Content-Length': String(Buffer.byteLength(text)),
      Accept: 'application/vnd.docker.plugins.v1.2+json',
      'Accept-Encoding': 'gzip',
    }
    const socketPath = join(this.folder, 'ipam.sock')
    return await send({ socketPath, path: `/${path}`, method: 'POST', headers }, text, {
      agent: this.#agent,
      hangUp,
    })
  }

  /** A view of the admin socket, which comes a little later than the engine's. */
  async view(path: string): Promise<Answer> {
    const socketPath = join(this.folder, 'data', 'berth', 'ipam', 'admin.sock')
    for (const started = performance.now(); ;) {
      try {
        return await send({ socketPath, path, method: 'GET' }, '', { agent: this.#agent })
      } catch (error) {
        if (!this.running || performance.now() - started > DEADLINE_MS) throw error
        await sleep(10)
      }
    }
  }

  /** Ends it as the engine or the kernel would; what it ended with. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | NodeJS.Signals | null> {
    if (this.running) this.#child.kill(signal)
    return await this.ended()
  }

  async ended(): Promise<number | NodeJS.Signals | null> {
    const late = setTimeout(() => this.#child.kill('SIGKILL'), DEADLINE_MS)
    await this.#exited
    clearTimeout(late)
    this.#agent.destroy()
    return this.#child.exitCode ?? this.#child.signalCode
  }

  /** Ends it by force and removes all that it left. */
  async remove(): Promise<void> {
    await this.end('SIGKILL')
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** A copy of a plugin's folder, as a crash at this moment would leave it. */
export async function copyFolder(folder: string): Promise<string> {
  const copy = await makeFolder()
  await cp(join(folder, 'data'), join(copy, 'data'), {
    recursive: true,
    filter: path => !path.endsWith('.sock'),
  })
  return copy
}

async function send(
  target: { socketPath: string; path: string; method: string; headers?: Record<string, string> },
  text: string,
  { agent, hangUp }: { agent: Agent; hangUp?: AbortSignal | undefined },
): Promise<Answer> {
  const signal = AbortSignal.any([AbortSignal.timeout(DEADLINE_MS), ...(hangUp ? [hangUp] : [])])
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const sent = request({ ...target, agent, signal }, response => {
    let received = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => (received += chunk))
    response.on('error', reject)
    response.on('end', () => {
      try {
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(received) as Body })
      } catch (cause) {
        reject(new Error(`The answer is no JSON: ${received}`, { cause }))
      }
    })
  })
  sent.on('error', reject)
  sent.end(text)
  return await promise
}
