import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { mountPath } from '../../../../volume-plugin/cluster/mount-path.ts'
import { parseShownMounts } from '../../../../shared/mountinfo.ts'
import type { ClusterId } from '../../../../volume-plugin/cluster/cluster-files.ts'
import { LinuxBinds } from '../../../../volume-plugin/cluster/linux-binds.ts'
import { LinuxFiles } from '../../../../volume-plugin/cluster/linux-files.ts'
import type { LinuxFilesOptions } from '../../../../volume-plugin/cluster/linux-files.ts'
import { command } from '../../../../volume-plugin/command.ts'

export const ID = '0123456789abcdef0123456789abcdef' as ClusterId
const PATIENCE_MS = 20_000

/** Why this machine has no file system that can be hung and killed; undefined where it has. */
export function whyNoFiles(): string | undefined {
  if (process.getuid?.() !== 0) return 'tests of the cluster file system need root'
  if (!existsSync('/dev/fuse')) return 'tests of the cluster file system need /dev/fuse'
  return existsSync('/usr/bin/bindfs') ? undefined : 'tests of the cluster file system need bindfs'
}

/** False, said as a skipped test, where something is missing; a failure on a machine that checks changes. */
export function canHaveFiles(t: Test): boolean {
  const why = whyNoFiles()
  if (why === undefined) return true
  if (process.env['CI'] === 'true') t.fail(why)
  else t.pass('tests of the cluster file system', { skip: why })
  return false
}

/** A cluster file system of one host, its data in `source`, mounted on `root`; what is mounted for engines is in `mounts`. */
export class FilesWorld {
  readonly folder: string
  readonly source: string
  readonly root: string
  readonly outside: string
  readonly binds = new LinuxBinds()
  readonly #stop = new AbortController()
  readonly #daemons: ReturnType<typeof spawn>[] = []

  private constructor(folder: string) {
    this.folder = folder
    this.source = join(folder, 'source')
    this.root = join(folder, 'host', 'data')
    this.outside = join(folder, 'outside')
  }

  static async open(t: Test): Promise<FilesWorld> {
    const world = new FilesWorld(await mkdtemp(join(tmpdir(), 'berth-files-')))
    t.teardown(() => world.close())
    for (const each of [world.source, world.root, world.outside, join(world.folder, 'mounts')]) {
      await mkdir(each, { recursive: true })
    }
    await world.mount()
    return world
  }

  /** A plugin's. */
  files(options: Partial<LinuxFilesOptions> = {}): LinuxFiles {
    return new LinuxFiles({
      root: this.root,
      mount: '',
      types: ['fuse'],
      expected: () => undefined,
      stop: this.#stop.signal,
      ...options,
    })
  }

  /** As `files`, of a file system that was given its id. */
  async begun(options: Partial<LinuxFilesOptions> = {}): Promise<LinuxFiles> {
    const files = this.files(options)
    await files.init(ID)
    return files
  }

  /** Where a plugin mounts. */
  at(name: string): string {
    return mountPath(join(this.folder, 'mounts'), name)
  }

  async mount(...options: string[]): Promise<void> {
    const daemon = spawn('bindfs', ['-f', ...options, this.source, this.root], { stdio: 'ignore' })
    this.#daemons.push(daemon)
    await until(async () => (await this.mounted(this.root)) !== undefined)
  }

  async unmount(): Promise<void> {
    await command('umount', ['--lazy', '--', this.root], { deadlineMs: PATIENCE_MS })
  }

  /** Its last daemon, which does what the file system does. */
  signal(name: NodeJS.Signals): void {
    this.#daemons.at(-1)?.kill(name)
  }

  async daemonsEnd(): Promise<void> {
    const live = this.#daemons.filter(each => each.exitCode === null && each.signalCode === null)
    await Promise.all(live.map(each => once(each, 'exit')))
  }

  async mounted(at: string) {
    const lines = parseShownMounts(await readFile('/proc/self/mountinfo', 'utf8'))
    return lines.find(each => each.at === at)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    for (const daemon of this.#daemons) daemon.kill('SIGKILL')
    await this.daemonsEnd()
    for (let left = 100; left > 0; left--) {
      const mounted = await this.binds.mounted()
      const below = mounted.filter(at => at.startsWith(`${this.folder}/`))
      if (below.length === 0) break
      for (const at of below) await this.binds.detach(at).catch(() => {})
    }
    const mounts = join(this.folder, 'mounts')
    await command('chattr', ['-R', '-i', '--', mounts], { deadlineMs: PATIENCE_MS })
    await rm(this.folder, { recursive: true })
  }
}

export async function until(what: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`Not within ${PATIENCE_MS} ms`)
    await sleep(10)
  }
}
