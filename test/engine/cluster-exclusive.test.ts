import { refusal, removeContainers, runContainer } from './lab/actions.ts'
import {
  askPlugin,
  berth,
  berthVolumes,
  createVolume,
  onThreeClusterHosts,
  pluginSocket,
  type BerthVolume,
  type ClusterFleet,
} from './lab/cluster.ts'
import { removeAllAfter, threeOf, type Node } from './lab/fleet.ts'
import { holdersOf } from './lab/holders.ts'
import { IMAGE } from './lab/image.ts'
import { CommandFailed } from './lab/run.ts'
import { until } from './lab/until.ts'
import { note, notes } from './lab/volumes.ts'
import type { Test } from './lab/world.ts'

const CALLS = 200
const RUNS = 6
const ROUNDS = process.env['BERTH_SOAK'] ? 10 : 1

await onThreeClusterHosts(async (t, fleet) => {
  const [one] = threeOf(fleet)
  await createVolume(one, 'locked', 'access=exclusive')
  await t.test('of 600 mounts at once on three hosts, those of one host alone succeed', t =>
    storm(t, fleet),
  )
  await t.test('containers that start at once on three hosts never have it on two', t =>
    runs(t, fleet),
  )
  await t.test('a host it was taken from while it ran finds that out, and says so', t =>
    undead(t, fleet),
  )
  await t.test('a host that lost its power has it until an operator takes it', t => dead(t, fleet))
})

/** The plugins themselves are asked. */
async function storm(t: Test, { nodes }: ClusterFleet): Promise<void> {
  const sockets = await Promise.all(nodes.map(node => pluginSocket(node)))
  const askAll = async (call: string) => await Promise.all(sockets.map(each => ask(each, call)))
  for (let round = 0; round < ROUNDS; round += 1) {
    const from = Date.now()
    const answers = await askAll('Mount')
    const ms = Date.now() - from
    const holders = nodes.filter((_, index) => answers[index]?.includes(''))
    const [{ host } = { host: undefined }] = holders
    t.equal(holders.length, 1, `${host?.name} has it, in ${ms} ms`)
    const told = answers.flat().filter(answer => answer.includes(`host ${host?.name} has it`))
    t.equal(told.length, 2 * CALLS, 'the others are told who has it')
    const mounted = answers.flat().filter(answer => answer === '')
    t.comment(`${mounted.length} of ${CALLS} mounts were done within their deadline`)
    await askAll('Unmount')
  }
  await assertOneHolder(t, nodes)
}

async function ask(socket: string, call: string): Promise<readonly string[]> {
  const ids = Array.from({ length: CALLS }, (_, index) => `id${index}`)
  return await Promise.all(ids.map(ID => askPlugin(socket, call, { Name: 'locked', ID })))
}

/** Whoever does not get it tries again, as an orchestrator does. */
async function runs(t: Test, { nodes }: ClusterFleet): Promise<void> {
  const run = ['run', '--rm', '--network', 'none', '-v', 'locked:/data', IMAGE]
  const work = ['/busybox', 'sh', '-c', `echo "$0" >>/data/log; /busybox sync`]
  let refused = 0
  const runOnce = async ({ engine, host }: Node): Promise<void> => {
    await until(`a turn of ${host.name}`, 120_000, async () => {
      try {
        await engine.docker([...run, ...work, host.name])
        return true
      } catch (error) {
        if (!(error instanceof CommandFailed) || !error.stderr.includes('is exclusive')) throw error
        refused += 1
        return false
      }
    })
  }
  await Promise.all(nodes.flatMap(node => Array.from({ length: RUNS }, () => runOnce(node))))
  t.comment(`${refused} were refused on the way`)
  await assertOneHolder(t, nodes)
}

/** An operator's mistake, or a host that lost etcd alone. */
async function undead(t: Test, fleet: ClusterFleet): Promise<void> {
  const { nodes, etcd } = fleet
  removeAllAfter(t, nodes)
  const [one, two, three] = threeOf(fleet)
  await runContainer(three.engine, 'none', 'web', '-v locked:/data')
  await etcd.cutOff(three.host)
  await etcd.untilServed([one.host, two.host])
  await berth(two.host, ['volume', 'break-lock', 'locked', '--host', 'h3', '--yes'])
  await runContainer(two.engine, 'none', 'web', '-v locked:/data')
  await note(three.engine, 'web', 'nobody can keep it from writing')
  const before = three.engine.logSize

  await etcd.reconnect(three.host)
  await etcd.untilServed([three.host])
  await until(
    'the host to find out',
    60_000,
    async () => (await lockedOn(three))?.here?.state === 'lost',
  )
  t.match(three.engine.log(before), /it was taken from it/)
  t.match(await berth(three.host, ['volume', 'ls']), /^locked .* lost/m)
  const late = await refusal(runContainer(three.engine, 'none', 'late', '-v locked:/data'))
  t.match(late, /host h2 has it since/)
  await removeContainers(three.engine, ['web', 'late'])
  t.equal((await lockedOn(three))?.here, undefined, 'it is given up when its containers are gone')
  t.strictSame((await lockedOn(one))?.users, [{ name: 'h2' }])
  await removeContainers(two.engine, ['web'])
  await runContainer(three.engine, 'none', 'web', '-v locked:/data')
  await assertOneHolder(t, nodes)
  await removeContainers(three.engine, ['web'])
}

/** The last one: the kernel, and with it the boot, outlives a power cut of the lab. */
async function dead(t: Test, fleet: ClusterFleet): Promise<void> {
  const { nodes, etcd, gluster } = fleet
  removeAllAfter(t, nodes)
  const [one, two, three] = threeOf(fleet)
  await runContainer(three.engine, 'none', 'web', '-v locked:/data --restart always')
  await note(three.engine, 'web', 'of h3')
  await three.engine.powerCut()
  await etcd.untilServed([one.host, two.host])
  const said = await refusal(runContainer(one.engine, 'none', 'web', '-v locked:/data'))
  t.match(said, /exclusive, and host h3 has it since .*berth volume break-lock locked/)
  await berth(one.host, ['volume', 'break-lock', 'locked', '--yes'])
  await removeContainers(one.engine, ['web'])
  await runContainer(one.engine, 'none', 'web', '-v locked:/data')
  t.equal((await notes(one.engine, 'web')).at(-1), 'of h3', 'with what it wrote')

  await three.host.boot()
  await etcd.startOn([three.host])
  await gluster.startOn(three.host)
  await gluster.mountOn(three.host)
  await three.engine.start()
  const late = await refusal(three.engine.docker(['start', 'web']))
  t.match(late, /exclusive, and host h1 has it since/)
  await removeContainers(one.engine, ['web'])
  await three.engine.docker(['start', 'web'])
  await note(three.engine, 'web', 'again')
  await assertOneHolder(t, nodes)
  await removeContainers(three.engine, ['web'])
}

async function lockedOn({ host }: Node): Promise<BerthVolume | undefined> {
  return (await berthVolumes(host)).find(({ name }) => name === 'locked')
}

/** What etcd has ever had of it. */
async function assertOneHolder(t: Test, [node]: readonly Node[]): Promise<void> {
  if (!node) throw new Error('there are no hosts')
  const holders = await holdersOf(node.host, 'locked')
  t.ok(holders.length > ROUNDS, `it went through ${holders.length} states`)
  t.strictSame(
    holders.filter(each => each.length > 1),
    [],
    'never with two holders',
  )
}
