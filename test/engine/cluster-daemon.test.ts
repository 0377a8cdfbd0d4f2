import { refusal, removeContainers, runContainer } from './lab/actions.ts'
import { berthVolumes, createVolume, statusOf } from './lab/cluster.ts'
import type { Engine } from './lab/engine.ts'
import type { Node } from './lab/fleet.ts'
import { mountOn, oneClusterHost, prepare } from './lab/one-cluster.ts'
import { until } from './lab/until.ts'
import { mendLostMounts, note, notes, restartIdle } from './lab/volumes.ts'
import { onOldestAndNewest } from './lab/world.ts'

const NAMES = ['plain', 'always']

await onOldestAndNewest(async (t, suite) => {
  const node = await oneClusterHost(t, suite)
  const { engine, host, plugin } = node
  await createVolume(node, 'db', 'mode=0700')
  const written: string[] = []
  const write = async (container: string, line: string): Promise<void> => {
    await note(engine, container, line)
    written.push(line)
  }

  await t.test('kill -9 of the plugin: containers do not notice', async t => {
    await runContainer(engine, 'none', 'plain', '-v db:/data')
    await plugin.kill()
    await write('plain', 'after a kill')
    await runContainer(engine, 'none', 'late', '-v db:/data')
    t.strictSame(await notes(engine, 'late'), written)
    await removeContainers(engine, ['plain', 'late'])
    t.notOk(await isMounted(node), 'no mount is counted in the end')
  })

  await t.test('disabled and enabled: what was mounted stays so, and is in use', async t => {
    await runContainer(engine, 'none', 'plain', '-v db:/data')
    await plugin.disable()
    await write('plain', 'while disabled')
    t.match(await refusal(runContainer(engine, 'none', 'late', '-v db:/data')), 'berth-cluster')
    await plugin.enable()
    t.match(await refusal(engine.docker(['volume', 'rm', 'db'])), 'in use')
    await engine.docker(['rm', '-f', 'late'])
    await runContainer(engine, 'none', 'late', '-v db:/data')
    t.strictSame(await notes(engine, 'late'), written)
    await removeContainers(engine, ['plain', 'late'])
    t.notOk(await isMounted(node), 'no mount is counted in the end')
  })

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await t.test(
      `${signal} of the engine leaves its containers alone with live-restore`,
      async t => {
        const settings = { 'live-restore': true }
        await restartIdle(node, settings)
        await runBoth(engine)
        await engine.restart(signal, settings)
        await write('plain', `after ${signal} with live-restore`)
        await runContainer(engine, 'none', 'late', '-v db:/data')
        t.strictSame(await notes(engine, 'late'), written)
        await removeContainers(engine, [...NAMES, 'late'])
        t.notOk(await isMounted(node), 'no mount is counted in the end')
      },
    )
  }

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await t.test(`${signal} of the engine ends its containers, one starts again`, async t => {
      await restartIdle(node, {})
      await runBoth(engine)
      await engine.restart(signal, {})
      if (await mendLostMounts(node)) {
        t.comment('the engine lost the mounts of its plugin, as it does now and then')
        await engine.docker(['start', 'always'])
      }
      await startAgain(engine, 'always')
      await write('always', `after ${signal}`)
      await engine.docker(['start', 'plain'])
      t.strictSame(await notes(engine, 'plain'), written, 'both have the same folder')
      await removeContainers(engine, NAMES)
      // What the engine forgets to unmount after it was killed stays counted until the next boot.
      if (signal === 'SIGTERM') t.notOk(await isMounted(node), 'no mount is counted in the end')
    })
  }

  await t.test('after a power cut nothing is mounted until the file system is', async t => {
    await runBoth(engine)
    await engine.powerCut()
    await host.boot()
    await prepare(host)
    await engine.start({})
    t.match(await refusal(engine.docker(['start', 'plain'])), 'Nothing is mounted on')
    t.match(await statusOf(node, 'db'), { state: 'ready' })
    await mountOn(host)
    await engine.docker(['start', 'plain'])
    t.strictSame(await notes(engine, 'plain'), written)
    await removeContainers(engine, NAMES)
  })
})

async function runBoth(engine: Engine): Promise<void> {
  await runContainer(engine, 'none', 'plain', '-v db:/data')
  await runContainer(engine, 'none', 'always', '-v db:/data --restart always')
}

/** An engine that is killed takes away, now and then, what was mounted since it started: then its container is refused. */
async function startAgain(engine: Engine, name: string): Promise<void> {
  await until(`${name} to run`, 20_000, async () => {
    const running = await engine.docker(['inspect', '-f', '{{.State.Running}}', name])
    if (running !== 'true') await engine.docker(['start', name]).catch(() => {})
    return running === 'true'
  })
}

async function isMounted({ host }: Node): Promise<boolean> {
  const volume = (await berthVolumes(host)).find(({ name }) => name === 'db')
  return volume?.here !== undefined || volume?.users.length !== 0
}
