import { mkdirSync } from 'node:fs'
import { LoopDisk } from '../test/disks/loop-disk.ts'
import { Engine } from '../test/engine/lab/engine.ts'
import { Host } from '../test/engine/lab/host.ts'
import { Lab } from '../test/engine/lab/lab.ts'
import { BERTH_SSD, Plugin } from '../test/engine/lab/plugin.ts'
import { fetchEngines, NEWEST } from '../test/engine/lab/releases.ts'
import { run } from '../test/engine/lab/run.ts'
import { Switch } from '../test/engine/lab/switch.ts'
import { MOUNT } from './disk-making.ts'
import { importFio, layOut, RANDOM, SEQUENTIAL, writeIn } from './fio.ts'
import { median } from './load.ts'
import { inTurn, ratioOf } from './pairs.ts'
import type { Spread } from './pairs.ts'
import type { Scope } from './scope.ts'

export type WritingRow = {
  readonly name: string
  /** By hand, in bytes a second. */
  readonly byHand: number
  readonly volume: Spread
  /** The noise of the method: the same by hand once more. */
  readonly again: Spread
  /** The best of all rounds in the volume, against the best of as many by hand: other work on the machine only ever slows. */
  readonly best: number
  readonly bestAgain: number
}

const ROUNDS = 7
const SIZE = 2 ** 30
const VOLUME = 'written'
/** As the host sees it. */
const BY_HAND = '/var/lib/by-hand'

/**
 * What a container writes to its volume, against the same container with the same file of the same file system, which was
 * mounted by hand. On a real engine with the built plugin.
 */
export async function measureWriting(scope: Scope, fio: string): Promise<WritingRow[]> {
  const disk = await LoopDisk.create(scope, { size: SIZE })
  const engine = await openEngine(scope)
  await importFio(engine, fio)
  const settings = { SSD_DEVICES: disk.node, SSD_ALLOW_LOOP: '1' }
  await Plugin.install(engine, settings, BERTH_SSD)
  await engine.docker(['volume', 'create', '-d', 'berth-ssd', VOLUME])
  await preallocate(disk)
  await layOut(engine, VOLUME)
  mkdirSync(engine.host.path('var-lib/by-hand'))
  const rows: WritingRow[] = []
  for (const work of [RANDOM, SEQUENTIAL]) {
    const hand = async () =>
      await mountedByHand(engine, disk, () => writeIn(engine, `${BY_HAND}/data`, work))
    const sides = { hand, volume: async () => await writeIn(engine, VOLUME, work), again: hand }
    await inTurn(sides, 1)
    const measured = await inTurn(sides, ROUNDS)
    rows.push({
      name: work.name,
      byHand: median(measured.hand),
      volume: ratioOf(measured.volume, measured.hand),
      again: ratioOf(measured.again, measured.hand),
      best: Math.max(...measured.volume) / Math.max(...measured.hand),
      bestAgain: Math.max(...measured.again) / Math.max(...measured.hand),
    })
  }
  return rows
}

async function openEngine(scope: Scope): Promise<Engine> {
  await fetchEngines([NEWEST])
  const lab = await Lab.open(scope)
  // On a signal a lab removes itself and ends the process, with the disk still attached.
  scope.endOnSignals()
  const engine = new Engine(await Host.create(await Switch.create(lab), 1), NEWEST)
  await engine.start()
  return engine
}

/** So that nobody pays for the file behind the disk to grow, and no cache of that file answers for the disk. */
async function preallocate({ file, node }: LoopDisk): Promise<void> {
  await run('fallocate', ['--length', String(SIZE), file])
  await run('losetup', ['--direct-io=on', node])
}

async function mountedByHand<T>(
  { host }: Engine,
  { node }: LoopDisk,
  use: () => Promise<T>,
): Promise<T> {
  await host.run(['mount', ...MOUNT, node, BY_HAND])
  try {
    return await use()
  } finally {
    await host.run(['umount', BY_HAND])
  }
}
