import { mkdirSync } from 'node:fs'
import { berth } from './cluster.ts'
import type { Engine } from './engine.ts'
import type { Node } from './fleet.ts'
import { ROOT, SHARED } from './gluster.ts'
import type { Host } from './host.ts'
import { BERTH_CLUSTER, Plugin } from './plugin.ts'
import type { Suite } from './releases.ts'
import { oneEngine, type Test } from './world.ts'

/** As mountinfo has it for bindfs: a file system that hangs, and dies, as those of clusters do. */
const TYPE = 'fuse'

/** One host with a file system that is mounted by a process of its own; the state is the host's own, too. */
export async function oneClusterHost(t: Test, suite: Suite): Promise<Node> {
  const engine = await oneEngine(t, suite)
  const { host } = engine
  await prepare(host)
  await mountOn(host)
  const plugin = await installOn(engine, { 'cluster.source': SHARED, CLUSTER_ROOT: ROOT })
  await berth(host, ['cluster', 'init', '--yes'])
  return { host, engine, plugin }
}

export async function installOn(
  engine: Engine,
  settings: Readonly<Record<string, string>>,
): Promise<Plugin> {
  return await Plugin.install(engine, { CLUSTER_FSTYPE: TYPE, ...settings }, BERTH_CLUSTER)
}

/** A shared mount point, as after boot. */
export async function prepare(host: Host): Promise<void> {
  mkdirSync(host.path('files'), { recursive: true })
  await host.run(['mount', '-t', 'tmpfs', 'srv', SHARED])
  await host.run(['mkdir', '-m', '0', ROOT])
}

export async function mountOn(host: Host, at = ROOT): Promise<void> {
  await host.run(['bindfs', host.path('files'), at])
}

export async function unmountOn(host: Host, at = ROOT): Promise<void> {
  await host.run(['umount', at])
}

/** STOP: whoever asks the file system waits, until CONT. KILL: it is dead, and in the way. */
export async function signalOn(host: Host, signal: 'STOP' | 'CONT' | 'KILL'): Promise<void> {
  await host.run(['bash', '-c', `kill -${signal} $(pidof bindfs)`])
}
