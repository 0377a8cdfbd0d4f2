import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { serveAdmin } from '../../shared/admin-server.ts'
import type { AdminRequest, Routes } from '../../shared/admin-server.ts'
import { COMPILE_CACHE } from '../compile-cache.ts'

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
const DEADLINE_MS = 60_000

export type Outcome = { readonly code: number | null; readonly out: string; readonly err: string }

/** What names the socket of the IPAM plugin, or of a volume plugin. */
type Variable = 'BERTH_SOCKET' | 'BERTH_VOLUME_SOCKET' | 'BERTH_CLUSTER_SOCKET'

type Teardown = { teardown(ending: () => unknown): unknown }

/** The command as a process of its own, and the admin socket that it asks. */
export class World {
  readonly socket: string
  readonly #env: Readonly<Record<string, string>>

  private constructor(socket: string, env: Readonly<Record<string, string>>) {
    this.socket = socket
    this.#env = env
  }

  /** An admin server with these routes alone, of the plugin that is found by that variable. */
  static async serve(
    t: Teardown,
    routes: Routes,
    variable: Variable = 'BERTH_SOCKET',
  ): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'berth-'))
    const socket = join(folder, 'admin.sock')
    const server = await serveAdmin(socket, routes)
    t.teardown(async () => {
      await server.close(0)
      await rm(folder, { recursive: true })
    })
    return World.at(socket, variable)
  }

  /** Whatever there is, or is not, at that path. */
  static at(socket: string, variable: Variable = 'BERTH_SOCKET'): World {
    return new World(socket, { [variable]: socket })
  }

  /** The same with what is in the environment of the other one, such as its socket. */
  beside(other: World): World {
    return this.given(other.#env)
  }

  given(env: Readonly<Record<string, string>>): World {
    return new World(this.socket, { ...this.#env, ...env })
  }

  /** `berth` with these arguments, without a terminal. */
  async berth(...args: readonly string[]): Promise<Outcome> {
    return await this.#run(process.execPath, [MAIN, ...args], '')
  }

  /** `berth` at a terminal, where `typed` is typed; what is shown comes as its output. */
  async berthAtTerminal(typed: string, ...args: readonly string[]): Promise<Outcome> {
    // script gives its command a terminal, and knows no form without a shell; nothing of ours is in what that reads.
    const command = 'exec "$BERTH_NODE" "$BERTH_MAIN" $BERTH_ARGS'
    return await this.#run(
      'script',
      ['--quiet', '--return', '--command', command, '/dev/null'],
      typed,
      {
        BERTH_NODE: process.execPath,
        BERTH_MAIN: MAIN,
        BERTH_ARGS: args.join(' '),
      },
    )
  }

  async #run(
    command: string,
    args: readonly string[],
    input: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Outcome> {
    const env = {
      PATH: '/usr/bin:/bin',
      LC_ALL: 'C',
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      BERTH_SOCKET: 'other.sock',
      BERTH_VOLUME_SOCKET: 'other.sock',
      BERTH_CLUSTER_SOCKET: 'other.sock',
      ...this.#env,
      ...more,
    }
    const child = spawn(command, args, { env, timeout: DEADLINE_MS })
    child.stdin.end(input)
    const [out, err] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      child.exitCode ?? once(child, 'close'),
    ])
    return { code: child.exitCode, out, err }
  }
}

/** Keeps what a route is asked, and answers with `answer` of it. */
export function recorded(answer: (request: AdminRequest) => object): {
  readonly asked: AdminRequest[]
  readonly route: (request: AdminRequest) => Promise<object>
} {
  const asked: AdminRequest[] = []
  return {
    asked,
    route: async request => {
      asked.push(request)
      return answer(request)
    },
  }
}
