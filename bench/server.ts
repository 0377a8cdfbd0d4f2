import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from './connection.ts'

const START_WITHIN_MS = 10_000
const STOP_WITHIN_MS = 10_000
const ROOT = join(import.meta.dirname, '..')

/** A process that serves a socket in a folder of its own; its log goes to /dev/null. */
export class Server implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly socket: string
  /** From the spawn to the first connection that was accepted. */
  readonly startMs: number

  private constructor(child: ChildProcess, socket: string, startMs: number) {
    this.#child = child
    this.socket = socket
    this.startMs = startMs
  }

  /** @param args to Node, from the root of the repository */
  static async start(
    folder: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Server> {
    await mkdir(folder, { recursive: true })
    const socket = join(folder, 'plugin.sock')
    const started = performance.now()
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      env: { ...env, DATA_DIR: folder, PLUGIN_SOCKET: socket },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    process.prependOnceListener('exit', () => child.kill('SIGKILL'))
    await listening(socket, child)
    return new Server(child, socket, performance.now() - started)
  }

  get pid(): number {
    return this.#child.pid ?? Number.NaN
  }

  async connections(count: number): Promise<Connection[]> {
    return await Promise.all(Array.from({ length: count }, () => Connection.open(this.socket)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS)
    await exit
    clearTimeout(late)
  }
}

async function listening(socket: string, child: ChildProcess): Promise<void> {
  const deadline = AbortSignal.timeout(START_WITHIN_MS)
  while (child.exitCode === null && !deadline.aborted) {
    try {
      const connection = await Connection.open(socket)
      connection.close()
      return
    } catch {
      await sleep(1)
    }
  }
  child.kill('SIGKILL')
  throw new Error(`${child.spawnargs.join(' ')} does not listen`)
}
