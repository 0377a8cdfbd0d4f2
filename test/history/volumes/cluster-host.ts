import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Member } from '../../etcd/etcd.ts'
import { parseMountinfo } from '../../../shared/mountinfo.ts'
import { Instance } from '../instance.ts'
import { Wire } from '../wire.ts'

const run = promisify(execFile)

const MAIN = fileURLToPath(new URL('../../../volume-plugin/main.ts', import.meta.url))
/** Ends its command when this process ends, however it does. */
const WITH_US = ['setpriv', '--pdeathsig', 'KILL'] as const
const MOUNTED_WITHIN_MS = 20_000

/**
 * One host in a mount namespace of its own: its plugin, its client of the cluster file system (bindfs over a folder that
 * all hosts share), its way to etcd. All that is mounted there goes with its processes.
 */
export class ClusterHost {
  readonly name: string
  readonly instance: Instance
  readonly wire: Wire
  readonly #folder: string
  readonly #source: string
  readonly #space: ChildProcess
  #client: ChildProcess | undefined

  private constructor(
    name: string,
    folder: string,
    source: string,
    space: ChildProcess,
    wire: Wire,
    instance: Instance,
  ) {
    this.name = name
    this.#folder = folder
    this.#source = source
    this.#space = space
    this.wire = wire
    this.instance = instance
  }

  /** Its plugin does not run yet. @param folder of all hosts */
  static async open(
    folder: string,
    name: string,
    members: readonly Member[],
  ): Promise<ClusterHost> {
    const own = join(folder, name)
    for (const each of ['data', 'mounts']) await mkdir(join(own, each), { recursive: true })
    const space = spawn(
      'unshare',
      ['--mount', '--propagation', 'private', ...WITH_US, 'sleep', 'infinity'],
      { stdio: 'ignore' },
    )
    await once(space, 'spawn')
    await until(async () => (await readFile(`/proc/${space.pid}/comm`, 'utf8')) === 'sleep\n')
    const wire = await Wire.open(members, 0)
    const settings = {
      MODE: 'cluster',
      ETCD_ENDPOINTS: wire.urls.join(','),
      CLUSTER_ROOT: join(own, 'data'),
      CLUSTER_FSTYPE: 'fuse',
      MOUNT_ROOT: join(own, 'mounts'),
    }
    const through = [...WITH_US, 'nsenter', `--mount=/proc/${space.pid}/ns/mnt`, '--']
    const program = { main: MAIN, driver: 'VolumeDriver', part: 'cluster', through }
    const instance = new Instance(name, own, settings, [], program)
    const host = new ClusterHost(name, own, join(folder, 'shared'), space, wire, instance)
    await host.mountClient()
    return host
  }

  /** Where a path of this host is seen by everybody else. */
  seen(path: string): string {
    return `/proc/${this.#space.pid}/root${path}`
  }

  /** What is mounted for engines. */
  async binds(): Promise<readonly string[]> {
    const text = await readFile(`/proc/${this.#space.pid}/mountinfo`, 'utf8')
    const mounts = join(this.#folder, 'mounts/')
    return parseMountinfo(text).flatMap(({ at }) => (at.startsWith(mounts) ? [at] : []))
  }

  /** Its client is stopped in the middle of whatever it does: the file system hangs. */
  hang(): void {
    this.#client?.kill('SIGSTOP')
  }

  goOn(): void {
    this.#client?.kill('SIGCONT')
  }

  async mountClient(): Promise<void> {
    if (this.#client) return
    const data = join(this.#folder, 'data')
    const args = [...this.#inside(), 'bindfs', '-f', '--multithreaded', this.#source, data]
    const client = spawn('setpriv', ['--pdeathsig', 'KILL', ...args], { stdio: 'ignore' })
    this.#client = client
    await until(async () =>
      (await readFile(`/proc/${this.#space.pid}/mountinfo`, 'utf8')).includes(` ${data} `),
    )
  }

  /** As an operator does; containers keep what they have until its process is killed. */
  async unmountClient(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    if (!client) return
    // It ends by itself where nobody has anything of it mounted.
    const exited = once(client, 'exit')
    client.kill('SIGCONT')
    await this.#umount(join(this.#folder, 'data'))
    client.kill('SIGKILL')
    await exited
  }

  /** Plugin and containers are gone, and all that was mounted for them; the next start is of another boot. */
  async powerOff(): Promise<void> {
    await this.instance.reboot()
    for (const at of await this.binds()) await this.#umount(at)
  }

  async end(): Promise<void> {
    this.wire.close()
    await this.instance.kill()
    this.#client?.kill('SIGKILL')
    this.#space.kill('SIGKILL')
  }

  async #umount(at: string): Promise<void> {
    const [command, ...args] = [
      ...this.#inside(),
      'umount',
      '--lazy',
      '--no-canonicalize',
      '--',
      at,
    ]
    if (command !== undefined) await run(command, args).catch(() => {})
  }

  #inside(): string[] {
    return ['nsenter', `--mount=/proc/${this.#space.pid}/ns/mnt`, '--']
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + MOUNTED_WITHIN_MS
  while (!(await isSo())) {
    if (performance.now() > end)
      throw new Error(`Not within ${MOUNTED_WITHIN_MS} ms: ${isSo.toString()}`)
    await sleep(10)
  }
}
