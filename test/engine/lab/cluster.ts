import * as v from '@badrap/valita'
import { rmSync, symlinkSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import type { Engine } from './engine.ts'
import { EtcdCluster, whyNoEtcd } from './etcd.ts'
import { createHosts, type Node } from './fleet.ts'
import { Gluster, ROOT, SHARED, whyNoGluster } from './gluster.ts'
import type { Host } from './host.ts'
import { importImage } from './image.ts'
import { BERTH_CLUSTER, Plugin } from './plugin.ts'
import { fetchEngines, NEWEST, OLDEST, REPOSITORY } from './releases.ts'
import { whyNoEngines } from './requirements.ts'
import type { RunOptions } from './run.ts'
import { canRun, type Test } from './world.ts'

/** Old and new engines share the file system. */
const SUITES = [NEWEST, OLDEST, NEWEST]

/** Hosts with a cluster file system, which each has mounted, and an engine with the plugin on each. */
export type ClusterFleet = {
  readonly etcd: EtcdCluster
  readonly gluster: Gluster
  readonly nodes: readonly Node[]
}

/** A scenario of three hosts; skipped, with the reason, where they cannot run. */
export async function onThreeClusterHosts(
  scenario: (t: Test, fleet: ClusterFleet) => Promise<void>,
): Promise<void> {
  const whyNot = async () => (await whyNoEngines()) ?? whyNoEtcd() ?? whyNoGluster()
  if (!(await canRun(whyNot))) return
  await fetchEngines(SUITES)
  const fleet = await startFleet(t)
  const [first] = fleet.nodes
  if (!first) throw new Error('there are no hosts')
  await berth(first.host, ['cluster', 'init', '--yes'])
  await scenario(t, fleet)
}

async function startFleet(t: Test): Promise<ClusterFleet> {
  const { engines } = await createHosts(t, SUITES)
  const hosts = engines.map(({ host }) => host)
  const [etcd, gluster] = await Promise.all([
    EtcdCluster.start(hosts),
    Gluster.start(hosts),
    ...engines.map(async engine => {
      await engine.start()
      await importImage(engine)
    }),
  ])
  await gluster.mountEverywhere()
  const install = async (engine: Engine): Promise<Node> => {
    const { host } = engine
    const settings = {
      'cluster.source': SHARED,
      CLUSTER_ROOT: ROOT,
      ETCD_ENDPOINTS: etcd.endpoints,
      HOST_NAME: host.name,
    }
    return { host, engine, plugin: await Plugin.install(engine, settings, BERTH_CLUSTER) }
  }
  return { etcd, gluster, nodes: await Promise.all(engines.map(install)) }
}

/** The operator's command, on the host. */
export async function berth(
  host: Host,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const command = [process.execPath, join(REPOSITORY, 'cli/main.ts'), ...args]
  const env = { BERTH_CLUSTER_SOCKET: '/var/lib/berth/cluster/admin.sock', ...options.env }
  return await host.run(command, { ...options, env })
}

const Listed = v.object({
  cluster: v.object({
    volumes: v.array(
      v.object({
        name: v.string(),
        id: v.string(),
        state: v.string(),
        users: v.array(v.object({ name: v.string() })),
        here: v.object({ state: v.string(), mounts: v.record(v.number()) }).optional(),
      }),
    ),
  }),
})

/** A volume as the operator sees it on a host, also one that was removed. */
export type BerthVolume = v.Infer<typeof Listed>['cluster']['volumes'][number]

export async function berthVolumes(host: Host): Promise<readonly BerthVolume[]> {
  const answer: unknown = JSON.parse(await berth(host, ['volume', 'ls', '--json']))
  return Listed.parse(answer, { mode: 'strip' }).cluster.volumes
}

export async function createVolume(
  { engine }: Pick<Node, 'engine'>,
  name: string,
  ...options: readonly string[]
): Promise<void> {
  const flags = options.flatMap(option => ['-o', option])
  await engine.docker(['volume', 'create', '-d', BERTH_CLUSTER.name, ...flags, name])
}

/** The names of the plugin's volumes, as the engine lists them. */
export async function volumesOn({ engine }: Pick<Node, 'engine'>): Promise<readonly string[]> {
  const format = ['--format', '{{.Name}}', '--filter', `driver=${BERTH_CLUSTER.name}`]
  const listed = await engine.docker(['volume', 'ls', ...format])
  return listed.split('\n').filter(name => name !== '')
}

const Inspected = v.tuple([v.object({ Status: v.record(v.unknown()).nullable() })])

/** What the plugin says of a volume through the engine. */
export async function statusOf(
  { engine }: Pick<Node, 'engine'>,
  name: string,
): Promise<Readonly<Record<string, unknown>>> {
  const answer: unknown = JSON.parse(await engine.docker(['volume', 'inspect', name]))
  return Inspected.parse(answer, { mode: 'strip' })[0].Status ?? {}
}

const Answer = v.object({ Err: v.string().optional() }).rest(v.unknown())

/** Where the plugin can be asked; by a link, since the kernel takes no path as long as that of the socket. */
export async function pluginSocket({ host, plugin }: Node): Promise<string> {
  const link = host.path('plugin.sock')
  const socket = host.path(`run/docker/plugins/${await plugin.id()}/berth-cluster.sock`)
  rmSync(link, { force: true })
  symlinkSync(socket, link)
  return link
}

/**
 * Asks the plugin itself, as the engine does: more calls at once than an engine has time for.
 *
 * @returns what it refuses with; empty where it did what was asked
 */
export function askPlugin(socketPath: string, call: string, body: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: `/VolumeDriver.${call}`, method: 'POST' }, answer => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('error', reject)
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString()
        resolve(Answer.parse(JSON.parse(text), { mode: 'passthrough' }).Err ?? '')
      })
    })
    asked.on('error', reject)
    asked.end(JSON.stringify(body))
  })
}
