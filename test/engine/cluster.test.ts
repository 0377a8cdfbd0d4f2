import { refusal, removeContainers, runContainer } from './lab/actions.ts'
import {
  berth,
  berthVolumes,
  createVolume,
  onThreeClusterHosts,
  statusOf,
  volumesOn,
  type ClusterFleet,
} from './lab/cluster.ts'
import { removeAllAfter, threeOf, type Node } from './lab/fleet.ts'
import { ROOT, underneath } from './lab/gluster.ts'
import { until } from './lab/until.ts'
import { inside, note, notes } from './lab/volumes.ts'
import type { Test } from './lab/world.ts'

/** A second of what clients of the file system keep in memory, and a busy machine. */
const SEEN_WITHIN_MS = 10_000

await onThreeClusterHosts(async (t, fleet) => {
  await t.test('what one host writes the others read', t => shared(t, fleet))
  await t.test('the list of volumes is the same on every host', t => sameList(t, fleet))
  await t.test('a brick that dies under load is noticed by nobody', t => brick(t, fleet))
  await t.test('where it is not mounted, nothing is written below the mount point', t =>
    unmounted(t, fleet),
  )
  await t.test('a volume that another host has mounted is not removed', t => inUse(t, fleet))
  await t.test('a removed volume comes back with its data, on another host', t =>
    restored(t, fleet),
  )
  await t.test('a folder that is there becomes a volume, and stays when it is removed', t =>
    adopted(t, fleet),
  )
})

async function shared(t: Test, fleet: ClusterFleet): Promise<void> {
  const { nodes } = fleet
  removeAllAfter(t, nodes)
  const [one, ...others] = threeOf(fleet)
  await createVolume(one, 'shared', 'uid=70', 'mode=0750')
  await Promise.all(
    nodes.map(({ engine }) => runContainer(engine, 'none', 'web', '-v shared:/data')),
  )
  t.match(await inside(one.engine, 'web', 'busybox cat /proc/mounts'), / \/data fuse\.glusterfs /)
  t.equal(await inside(one.engine, 'web', 'busybox stat -c "%u %a" /data'), '70 750')
  for (const node of nodes) await note(node.engine, 'web', `of ${node.host.name}`)
  for (const node of [one, ...others]) await untilNoted(node, 'web', ['of h1', 'of h2', 'of h3'])
  const users = (await berth(one.host, ['volume', 'inspect', 'shared'])).match(
    /\bh[123]\b.* since/g,
  )
  t.equal(users?.length, 3, 'each host is known to have it')
  await removeFrom(nodes, 'web')
  t.notMatch(await berth(one.host, ['volume', 'inspect', 'shared']), / since /)
}

async function sameList(t: Test, { nodes }: ClusterFleet): Promise<void> {
  await Promise.all(nodes.map(node => createVolume(node, `of-${node.host.name}`)))
  const all = ['of-h1', 'of-h2', 'of-h3', 'shared']
  for (const node of nodes) {
    t.strictSame([...(await volumesOn(node))].toSorted(), all, node.host.name)
  }
  for (const node of nodes) await node.engine.docker(['volume', 'rm', `of-${node.host.name}`])
  for (const node of nodes) t.strictSame(await volumesOn(node), ['shared'], node.host.name)
}

async function brick(t: Test, fleet: ClusterFleet): Promise<void> {
  const { nodes, gluster } = fleet
  removeAllAfter(t, nodes)
  const [one, two, three] = threeOf(fleet)
  for (const { engine } of [one, three])
    await runContainer(engine, 'none', 'web', '-v shared:/data')
  const loads = [one, three].map(async ({ engine, host }) => {
    const write = `echo $i >>/data/${host.name} || echo failed`
    return await inside(engine, 'web', `for i in $(busybox seq 400); do ${write}; done`)
  })
  await gluster.killBrickOn(two.host)
  await runContainer(two.engine, 'none', 'web', '-v shared:/data')
  t.strictSame(await Promise.all(loads), ['', ''], 'no write failed')
  const counted = await inside(two.engine, 'web', 'busybox cat /data/h1 /data/h3 | busybox wc -l')
  t.equal(counted.trim(), '800', 'and all is there')
  await gluster.restartBrickOn(two.host)
  await removeFrom(nodes, 'web')
}

async function unmounted(t: Test, fleet: ClusterFleet): Promise<void> {
  const { nodes, gluster } = fleet
  removeAllAfter(t, nodes)
  const [one, two, three] = threeOf(fleet)
  await gluster.unmountOn(two.host)
  const from = Date.now()
  const said = await refusal(runContainer(two.engine, 'none', 'web', '-v shared:/data'))
  t.ok(Date.now() - from < 5_000, `it says so at once: ${Date.now() - from} ms`)
  t.match(said, `Nothing is mounted on ${ROOT}`)
  t.match(await refusal(createVolume(two, 'late')), `Nothing is mounted on ${ROOT}`)
  t.strictSame(await volumesOn(two), ['shared'], 'the list needs no file system')
  t.match(await statusOf(two, 'shared'), { state: 'ready' })
  t.match(await berth(two.host, ['cluster']), /degraded/)
  for (const { engine } of [one, three]) {
    await runContainer(engine, 'none', 'web', '-v shared:/data')
    await note(engine, 'web', 'meanwhile')
  }
  t.equal(await underneath(two.host), '', 'nothing was written below')
  await gluster.mountOn(two.host)
  await two.engine.docker(['rm', '-f', 'web'])
  await runContainer(two.engine, 'none', 'web', '-v shared:/data')
  await untilNoted(two, 'web', ['meanwhile', 'meanwhile'])
  await removeFrom(nodes, 'web')
}

async function inUse(t: Test, fleet: ClusterFleet): Promise<void> {
  const { nodes } = fleet
  removeAllAfter(t, nodes)
  const [one, two] = threeOf(fleet)
  await runContainer(one.engine, 'none', 'web', '-v shared:/data')
  const said = await refusal(two.engine.docker(['volume', 'rm', 'shared']))
  t.match(said, /shared is mounted on h1 since/)
  await note(one.engine, 'web', 'still')
  await removeContainers(one.engine, ['web'])
}

async function restored(t: Test, fleet: ClusterFleet): Promise<void> {
  const { nodes } = fleet
  removeAllAfter(t, nodes)
  const [one, two, three] = threeOf(fleet)
  await one.engine.docker(['volume', 'rm', 'shared'])
  for (const node of nodes) t.strictSame(await volumesOn(node), [], node.host.name)
  t.match(await berth(three.host, ['volume', 'ls']), /^shared +parked /m)
  const [removed] = (await berthVolumes(three.host)).filter(({ name }) => name === 'shared')
  await createVolume(two, 'shared')
  const again = berth(three.host, ['volume', 'restore', removed?.id ?? ''])
  t.match(await refusal(again), 'shared', 'another has its name')
  await two.engine.docker(['volume', 'rm', 'shared'])
  await berth(three.host, ['volume', 'restore', removed?.id ?? ''])
  await runContainer(two.engine, 'none', 'web', '-v shared:/data')
  t.match(await notes(two.engine, 'web'), ['of h1', 'of h2', 'of h3'])
  await removeContainers(two.engine, ['web'])
}

async function adopted(t: Test, fleet: ClusterFleet): Promise<void> {
  const { nodes } = fleet
  removeAllAfter(t, nodes)
  const [one, two, three] = threeOf(fleet)
  await one.host.run(['mkdir', '-p', `${ROOT}/old/things`])
  await one.host.run(['bash', '-c', `echo kept >${ROOT}/old/things/file`])
  t.match(await refusal(createVolume(two, 'none', 'path=old/none')), /no folder old\/none/)
  await createVolume(two, 'things', 'path=old/things')
  t.match(await refusal(createVolume(three, 'above', 'path=old')), /things/)
  await runContainer(three.engine, 'none', 'web', '-v things:/data')
  t.equal(await inside(three.engine, 'web', 'busybox cat /data/file'), 'kept')
  await removeContainers(three.engine, ['web'])
  await one.engine.docker(['volume', 'rm', 'things'])
  t.equal((await one.host.run(['cat', `${ROOT}/old/things/file`])).trim(), 'kept')
}

async function untilNoted(
  { engine, host }: Node,
  container: string,
  wanted: readonly string[],
): Promise<void> {
  await until(`${wanted.join(', ')} on ${host.name}`, SEEN_WITHIN_MS, async () => {
    const seen = await notes(engine, container)
    return wanted.every(each => seen.includes(each))
  })
}

async function removeFrom(nodes: readonly Node[], container: string): Promise<void> {
  await Promise.all(nodes.map(({ engine }) => removeContainers(engine, [container])))
}
