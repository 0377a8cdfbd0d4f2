import type { LoopDisk } from '../disks/loop-disk.ts'
import { removeContainers, runContainer } from './lab/actions.ts'
import type { Engine } from './lab/engine.ts'
import { until } from './lab/until.ts'
import {
  assertKept,
  createVolume,
  inspectVolume,
  isMountedOnHost,
  mendLostMounts,
  mountsOf,
  note,
  notes,
  oneSsdHost,
  restartIdle,
  whyNoVolumes,
} from './lab/volumes.ts'
import { onOldestAndNewest, type Test } from './lab/world.ts'

const NAMES = ['plain', 'always']

await onOldestAndNewest(async (t, suite) => {
  const host = await oneSsdHost(t, suite, 1)
  const { engine, disks } = host
  const [disk] = disks
  if (!disk) throw new Error('there is no disk')
  await createVolume(engine, 'db', ['--label', 'tier=gold', '-o', 'size=400MiB'])
  const made = await inspectVolume(engine, 'db')
  const written: string[] = []
  const write = async (container: string, line: string): Promise<void> => {
    await note(engine, container, line)
    written.push(line)
  }

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await t.test(`${signal} of the engine ends its containers, one starts again`, async t => {
      await restartIdle(host, {})
      await runBoth(engine)
      await write('plain', `before ${signal}`)
      await engine.restart(signal, {})
      if (await mendLostMounts(host)) {
        t.comment('the engine lost the mounts of its plugin, as it does now and then')
        await engine.docker(['start', 'always'])
      }
      await untilRunning(engine, 'always')
      t.strictSame(await notes(engine, 'always'), written)
      await assertKept(t, engine, 'db', made)
      await engine.docker(['start', 'plain'])
      await write('plain', `after ${signal}`)
      t.strictSame(await notes(engine, 'always'), written, 'both have the same disk')
      await removeContainers(engine, NAMES)
      await assertFree(t, engine, disk)
    })

    await t.test(
      `${signal} of the engine leaves its containers alone with live-restore`,
      async t => {
        const settings = { 'live-restore': true }
        await restartIdle(host, settings)
        await runBoth(engine)
        await write('plain', `before ${signal} with live-restore`)
        await engine.restart(signal, settings)
        await write('plain', `after ${signal} with live-restore`)
        t.strictSame(await notes(engine, 'always'), written)
        await assertKept(t, engine, 'db', made)
        await runContainer(engine, 'none', 'late', '-v db:/data')
        t.strictSame(await notes(engine, 'late'), written)
        await removeContainers(engine, [...NAMES, 'late'])
        await assertFree(t, engine, disk)
      },
    )
  }

  await t.test('after a power cut the volume is there, and what was written', async t => {
    await restartIdle(host, {})
    await runBoth(engine)
    await write('plain', 'before the power cut')
    await engine.powerCut()
    await engine.host.boot()
    await engine.start({})
    await untilRunning(engine, 'always')
    t.strictSame(await notes(engine, 'always'), written)
    await assertKept(t, engine, 'db', made)
    await removeContainers(engine, NAMES)
  })

  await t.test('in the end nobody has it, and it can be removed', async t => {
    await engine.docker(['volume', 'rm', 'db'])
    t.notOk(await isMountedOnHost(engine, disk))
  })
}, whyNoVolumes)

async function runBoth(engine: Engine): Promise<void> {
  await runContainer(engine, 'none', 'plain', '-v db:/data')
  await runContainer(engine, 'none', 'always', '-v db:/data --restart always')
}

async function untilRunning(engine: Engine, name: string): Promise<void> {
  const running = ['inspect', '-f', '{{.State.Running}}', name]
  await until(`${name} to run`, 20_000, async () => (await engine.docker(running)) === 'true')
}

/** Nobody has it any more, as Unmount has told. */
async function assertFree(t: Test, engine: Engine, disk: LoopDisk): Promise<void> {
  t.equal(await mountsOf(engine, 'db'), 0, 'no mount is counted')
  t.notOk(await isMountedOnHost(engine, disk), 'the disk is not mounted')
}
