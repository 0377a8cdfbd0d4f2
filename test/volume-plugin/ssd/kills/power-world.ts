import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VolatileDisk } from '../../../disks/volatile-disk.ts'
import { run } from '../../../engine/lab/run.ts'
import type { Random } from '../../../history/random.ts'
import type { Plugin } from './plugin.ts'
import { createForeign, SIZE, unmountAll, World } from './world.ts'
import type { Test } from './world.ts'

type Settings = Readonly<Record<string, string>>

/** A host whose power can be cut: its disks, and that on which the plugin keeps its state, have volatile caches. */
export class PowerWorld {
  readonly world: World
  readonly #state: VolatileDisk
  readonly #disks: readonly VolatileDisk[]
  #boots = 1

  private constructor(world: World, state: VolatileDisk, disks: readonly VolatileDisk[]) {
    this.world = world
    this.#state = state
    this.#disks = disks
  }

  static async create(t: Test, count: number): Promise<PowerWorld> {
    const disks: VolatileDisk[] = []
    while (disks.length < count) disks.push(await VolatileDisk.create(t, { size: SIZE }))
    const state = await VolatileDisk.create(t, { size: SIZE })
    const foreign = await createForeign(t)
    const folder = await mkdtemp(join(tmpdir(), 'berth-power-'))
    t.teardown(async () => {
      await unmountAll(folder, [])
      await rm(folder, { recursive: true })
    })
    await run('mkfs.xfs', ['-q', '-K', state.loop.node])
    await mountState(state, folder)
    const loops = disks.map(({ loop }) => loop)
    return new PowerWorld(new World(folder, loops, foreign, await foreign.checksum()), state, disks)
  }

  /** In the boot that the last cut began. */
  async start(settings: Settings = {}): Promise<Plugin> {
    return await this.world.start({ settings: this.#settings(settings) })
  }

  /** As `start`, without waiting for anything. */
  launch(settings: Settings): Plugin {
    return this.world.launch({ settings: this.#settings(settings) })
  }

  #settings(more: Settings): Settings {
    return { BOOT: `boot-${this.#boots}`, CALLS: '/dev/null', TEND_MS: '1000', ...more }
  }

  /** From here to the next cut no disk of volumes keeps what it is told to flush. */
  async loseFlushes(): Promise<void> {
    for (const disk of this.#disks) await disk.lie()
  }

  /**
   * Of what no disk was told to flush, all is lost, or about half of it, as drawn; then the host boots.
   *
   * @param underWay what else uses the disks: it fails now
   */
  async cut(plugin: Plugin, random: Random, underWay?: Promise<unknown>): Promise<void> {
    // All at once: nothing sees one disk without power and another with it.
    plugin.signal('SIGSTOP')
    const all = [this.#state, ...this.#disks]
    const seeds = all.map(() => (random.chance(0.2) ? undefined : random.between(1, 2 ** 30)))
    await Promise.all(all.map((disk, i) => disk.crash(seeds[i])))
    await plugin.kill()
    await underWay?.catch(() => {})
    await unmountAll(this.world.folder, this.world.disks)
    for (const disk of all) await disk.powerUp()
    await mountState(this.#state, this.world.folder)
    this.#boots += 1
  }
}

async function mountState({ loop }: VolatileDisk, at: string): Promise<void> {
  await mkdir(at, { recursive: true })
  await run('mount', ['-t', 'xfs', '--', loop.node, at])
}
