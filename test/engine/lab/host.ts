import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { childrenOf, killAndWait, type ProcessId } from './processes.ts'
import { ENGINES, toolFolders, type Suite } from './releases.ts'
import { run, type RunOptions } from './run.ts'
import { addressOnSwitch, type Switch } from './switch.ts'
import { until } from './until.ts'

const OWN_NAMESPACES = [
  '--mount',
  '--propagation',
  'slave',
  '--uts',
  '--pid',
  '--mount-proc',
  '--fork',
  '--kill-child',
]

/** A host of its own kind on this machine: network, processes, name, /var/lib, /run and /etc are its own; the kernel is not. */
export class Host {
  readonly number: number
  readonly folder: string
  readonly cable: Switch
  readonly #namespace: string
  #init: ProcessId | undefined

  private constructor(cable: Switch, number: number, namespace: string) {
    this.cable = cable
    this.number = number
    this.folder = join(cable.lab.folder, `h${number}`)
    this.#namespace = namespace
  }

  static async create(cable: Switch, number: number): Promise<Host> {
    const host = new Host(cable, number, await cable.plug(number))
    for (const each of ['engines', 'var-lib/docker', 'run', 'etc/docker', 'etc-work', 'tmp']) {
      mkdirSync(host.path(each), { recursive: true })
    }
    // Looking up a name fails at once instead of after the resolver's time limits.
    const resolver = 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n'
    writeFileSync(host.path('etc/resolv.conf'), resolver)
    await host.boot()
    return host
  }

  get name(): string {
    return `h${this.number}`
  }

  /** On the LAN. */
  get address(): string {
    return addressOnSwitch(this.number)
  }

  /** A file of the host as this process sees it: `var-lib` and `run` are its /var/lib and /run. */
  path(below: string): string {
    return join(this.folder, below)
  }

  async boot(): Promise<void> {
    rmSync(this.path('ready'), { force: true })
    const script = join(import.meta.dirname, 'host-init.sh')
    const log = this.#log('host.log')
    const command = [script, this.folder, this.name, ENGINES]
    const network = `--net=/run/netns/${this.#namespace}`
    const child = spawn('nsenter', [network, 'unshare', ...OWN_NAMESPACES, ...command], {
      stdio: ['ignore', log, log],
      detached: true,
    })
    closeSync(log)
    const { pid } = child
    if (pid === undefined) throw new Error('nsenter does not start: is util-linux installed?')
    this.#init = await until('the first process of the host', 5_000, () => {
      return existsSync(this.path('ready')) && childrenOf(pid)[0]
    })
    this.cable.lab.recordProcess(this.#init)
    child.unref()
  }

  /** All processes end at once, as by kill -9, and what was in memory is gone; the disk stays. */
  async powerCut(): Promise<void> {
    if (!this.#init) return
    await killAndWait(this.#init)
    this.#init = undefined
    rmSync(this.path('run'), { recursive: true })
    mkdirSync(this.path('run'))
  }

  run(command: readonly string[], options: RunOptions = {}): Promise<string> {
    return run('nsenter', [...this.#enter(), ...command], options)
  }

  /** Starts a program of an engine's suite on the host; what it prints goes to a file of that name. */
  start(suite: Suite, command: readonly [string, ...string[]]): ChildProcess {
    const folders = [
      ...toolFolders(this.path('engines'), suite),
      '/usr/sbin',
      '/usr/bin',
      '/sbin',
      '/bin',
    ]
    const log = this.#log(`${command[0]}.log`)
    const child = spawn('nsenter', [...this.#enter(), ...command], {
      env: { PATH: folders.join(':'), LC_ALL: 'C', HOME: '/root', TMPDIR: this.path('tmp') },
      stdio: ['ignore', log, log],
      detached: true,
    })
    closeSync(log)
    return child
  }

  #enter(): readonly string[] {
    if (!this.#init) throw new Error(`${this.name} has no power: boot it first`)
    return [`--target=${this.#init.pid}`, '--mount', '--net', '--pid', '--uts', '--wd=/', '--']
  }

  #log(name: string): number {
    return openSync(this.path(name), 'a')
  }
}
