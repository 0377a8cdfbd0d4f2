import type { ChildProcess } from 'node:child_process'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import type { Host } from './host.ts'
import { childrenOf, programOf, waitForEnd, type ProcessId } from './processes.ts'
import { cgroupName } from './record.ts'
import { tool, type Suite } from './releases.ts'
import { run, type RunOptions } from './run.ts'
import { until } from './until.ts'

export type Settings = Readonly<Record<string, unknown>>

/** A Docker Engine on a host. Its client and its daemon are of the same suite. */
export class Engine {
  readonly host: Host
  readonly suite: Suite
  #daemon: ProcessId | undefined

  constructor(host: Host, suite: Suite) {
    this.host = host
    this.suite = suite
  }

  get address(): string {
    return `unix://${this.#socket}`
  }

  get #socket(): string {
    return this.host.path('run/docker.sock')
  }

  async start(settings: Settings = {}): Promise<void> {
    const configuration = this.host.path('daemon.json')
    writeFileSync(configuration, JSON.stringify(settings))
    rmSync(this.host.path('run/docker.pid'), { force: true })
    const child = this.host.start(this.suite, [
      'dockerd',
      `--config-file=${configuration}`,
      `--cgroup-parent=/${cgroupName(this.host.cable.lab.folder)}`,
    ])
    child.unref()
    await until('the answer of the engine', 60_000, async () => {
      if (child.exitCode !== null) throw new Error(`dockerd ended at once:\n${this.logTail(20)}`)
      return await answers(this.#socket)
    })
    this.#daemon = daemonOf(child)
  }

  /** TERM is the orderly stop; after KILL the containers and plugins run on, without their engine. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const daemon = this.#daemon
    if (!daemon) return
    const containerd = childrenOf(daemon.pid).filter(child => programOf(child) === 'containerd')
    process.kill(daemon.pid, signal)
    // The next engine would wait for a containerd that is about to end.
    for (const each of [daemon, ...containerd]) await waitForEnd(each, 60_000)
    this.#daemon = undefined
  }

  async restart(signal: 'SIGTERM' | 'SIGKILL', settings: Settings = {}): Promise<void> {
    await this.stop(signal)
    await this.start(settings)
  }

  async powerCut(): Promise<void> {
    await this.host.powerCut()
    this.#daemon = undefined
  }

  /** The client's standard output, without white space around it. */
  async docker(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const environment = { ...options.env, DOCKER_CONFIG: this.host.path('client') }
    const command = ['-H', this.address, ...args]
    const output = await run(tool(this.suite, 'docker'), command, { ...options, env: environment })
    return output.trim()
  }

  /** What the daemon and its plugins have printed: all, or only what came after that many bytes. */
  log(after = 0): string {
    return readFileSync(this.host.path('dockerd.log')).subarray(after).toString()
  }

  get logSize(): number {
    return statSync(this.host.path('dockerd.log')).size
  }

  logTail(lines = 100): string {
    return this.log().split('\n').slice(-lines).join('\n')
  }
}

function daemonOf(nsenter: ChildProcess): ProcessId {
  const [daemon] = nsenter.pid ? childrenOf(nsenter.pid) : []
  if (!daemon) throw new Error('dockerd answered and ended')
  return daemon
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise(resolve => {
    const asked = request({ socketPath, path: '/_ping', timeout: 5_000 }, answer => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(false))
    asked.end()
  })
}
