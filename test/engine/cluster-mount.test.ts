import { mkdirSync } from 'node:fs'
import { refusal, removeContainers, runContainer } from './lab/actions.ts'
import { berth, createVolume, statusOf, volumesOn } from './lab/cluster.ts'
import type { Node } from './lab/fleet.ts'
import { ROOT, SHARED, underneath } from './lab/gluster.ts'
import { mountOn, oneClusterHost, signalOn, unmountOn } from './lab/one-cluster.ts'
import { inside, note, notes } from './lab/volumes.ts'
import { onOldestAndNewest, type Test } from './lab/world.ts'

/** On the same mount as the engine's folder: what is mounted below it later never reaches a plugin. */
const PLAIN = '/var/lib/plain'

await onOldestAndNewest(async (t, suite) => {
  const node = await oneClusterHost(t, suite)
  await createVolume(node, 'web')

  await t.test('mounted before the plugin was enabled, it is there', t => works(t, node, 'one'))
  await t.test('unmounted, it is refused, and mounted again it is there', async t => {
    await unmountOn(node.host)
    await assertRefused(t, node, `Nothing is mounted on ${ROOT}`)
    t.equal(await underneath(node.host), '', 'nothing was written below the mount point')
    await mountOn(node.host)
    await works(t, node, 'two')
  })
  await t.test('mounted after the plugin was enabled, it is there', async t => {
    await node.plugin.disable()
    await unmountOn(node.host)
    await node.plugin.enable()
    await assertRefused(t, node, `Nothing is mounted on ${ROOT}`)
    await mountOn(node.host)
    await works(t, node, 'three')
  })
  await t.test('its process dies: it is refused until it is mounted again', t => died(t, node))
  await t.test('it hangs: mounts fail in time, and all else is as fast as before', t =>
    hangs(t, node),
  )
  await t.test('below a folder that is no shared mount point it is refused, with what helps', t =>
    plain(t, node),
  )
})

async function works(t: Test, { engine }: Node, line: string): Promise<void> {
  await runContainer(engine, 'none', 'web', '-v web:/data')
  t.match(await inside(engine, 'web', 'busybox cat /proc/mounts'), / \/data fuse /)
  await note(engine, 'web', line)
  t.equal((await notes(engine, 'web')).at(-1), line)
  await removeContainers(engine, ['web'])
}

async function assertRefused(t: Test, node: Node, why: string): Promise<void> {
  const from = Date.now()
  const said = await refusal(runContainer(node.engine, 'none', 'web', '-v web:/data'))
  const ms = Date.now() - from
  t.match(said, why)
  t.ok(ms < 10_000, `it says so in ${ms} ms`)
  await removeContainers(node.engine, ['web'])
  const asked = Date.now()
  t.strictSame(await volumesOn(node), ['web'], 'the list needs no file system')
  t.match(await statusOf(node, 'web'), { state: 'ready' })
  t.ok(Date.now() - asked < 2_000, `both are told in ${Date.now() - asked} ms`)
}

/** The container that had it is beyond help: only a new one gets the file system that is there by then. */
async function died(t: Test, node: Node): Promise<void> {
  const { host, engine } = node
  await runContainer(engine, 'none', 'old', '-v web:/data')
  await signalOn(host, 'KILL')
  await assertRefused(t, node, ROOT)
  await unmountOn(host)
  await mountOn(host)
  await works(t, node, 'four')
  t.match(await refusal(notes(engine, 'old')), /not connected/)
  await engine.docker(['restart', '-t', '0', 'old'])
  t.equal((await notes(engine, 'old')).at(-1), 'four')
  await removeContainers(engine, ['old'])
}

async function hangs(t: Test, node: Node): Promise<void> {
  const { host } = node
  await signalOn(host, 'STOP')
  try {
    await assertRefused(t, node, ROOT)
    const from = Date.now()
    await assertRefused(t, node, ROOT)
    t.ok(Date.now() - from < 5_000, 'the second one does not wait')
    t.match(await berth(host, ['cluster']), /degraded/)
  } finally {
    await signalOn(host, 'CONT')
  }
  await t.test('and when it goes on, so do mounts', t => works(t, node, 'five'))
}

async function plain(t: Test, node: Node): Promise<void> {
  const { host, engine, plugin } = node
  const root = `${PLAIN}/cluster`
  mkdirSync(host.path(root.replace('/var/lib', 'var-lib')), { recursive: true })
  await mountOn(host, root)
  await plugin.disable()
  await plugin.set({ 'cluster.source': PLAIN, CLUSTER_ROOT: root })
  await plugin.enable()
  const said = await refusal(runContainer(engine, 'none', 'web', '-v web:/data'))
  await removeContainers(engine, ['web'])
  const commands = [`mount --rbind ${PLAIN} ${PLAIN}`, `mount --make-rshared ${PLAIN}`]
  for (const command of commands) {
    t.match(said, command)
    await host.run(command.split(' '))
  }
  await plugin.disable()
  await plugin.enable()
  await works(t, node, 'six')
  await unmountOn(host, root)
  await assertRefused(t, node, `Nothing is mounted on ${root}`)
  await plugin.disable()
  await plugin.set({ 'cluster.source': SHARED, CLUSTER_ROOT: ROOT })
  await plugin.enable()
}
