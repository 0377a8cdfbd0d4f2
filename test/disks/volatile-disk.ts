import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from '../engine/lab/until.ts'
import { openFolder, removeFolder } from './folders.ts'
import { LoopDisk, MIB, sparseFile, type LoopDiskOptions } from './loop-disk.ts'

/** As far as disks use a test. */
type Test = { teardown(end: () => Promise<void>): void }

/** A disk that keeps what is written in a cache of its own until it is flushed, and can lose that, or fail. */
export class VolatileDisk {
  readonly loop: LoopDisk
  readonly #control: string
  readonly #server: ChildProcess

  private constructor(loop: LoopDisk, control: string, server: ChildProcess) {
    this.loop = loop
    this.#control = control
    this.#server = server
  }

  static async create(t: Test, options: LoopDiskOptions = {}): Promise<VolatileDisk> {
    const folder = openFolder()
    const [backing, at] = [join(folder, 'backing'), join(folder, 'fuse')]
    sparseFile(backing, options.size ?? 512 * MIB)
    mkdirSync(at)
    const script = join(import.meta.dirname, 'volatile-disk.py')
    const server = spawn('/usr/bin/python3', [script, backing, at], { stdio: 'ignore' })
    t.teardown(async () => {
      server.kill('SIGCONT')
      await removeFolder(folder)
      await ended(server)
    })
    await until('a disk with a volatile cache', 30_000, () => existsSync(join(at, 'control')))
    const loop = await LoopDisk.create(t, { ...options, file: join(at, 'disk') })
    return new VolatileDisk(loop, join(at, 'control'), server)
  }

  /**
   * A power cut: what was not flushed is lost, all of it, or about half, drawn by the seed. Then everything fails, until
   * the power is back.
   */
  async crash(seed?: number): Promise<void> {
    await this.#tell(seed === undefined ? 'crash' : `crash ${seed}`)
  }

  /** The power is back. Whatever is still mounted from it, or has it open, must be gone: it is plugged in anew. */
  async powerUp(): Promise<void> {
    await this.#tell('ok')
    await this.loop.detach()
    await this.loop.attach()
  }

  /** Every read, write and flush fails from now on. */
  async eio(): Promise<void> {
    await this.loop.flush()
    await this.#tell('eio')
  }

  /** Flushes are answered, and not done. */
  async lie(): Promise<void> {
    await this.#tell('lie')
  }

  /** Nothing is answered any more, until `resume`. */
  hang(): void {
    this.#server.kill('SIGSTOP')
  }

  resume(): void {
    this.#server.kill('SIGCONT')
  }

  async #tell(word: string): Promise<void> {
    await writeFile(this.#control, word)
  }
}

/** It ends by itself when its file system is unmounted; one that does not is ended. */
async function ended(server: ChildProcess): Promise<void> {
  const isOver = () => server.exitCode !== null || server.signalCode !== null
  await until('the end of a disk', 10_000, isOver).catch(() => server.kill('SIGKILL'))
}
