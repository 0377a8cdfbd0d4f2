import * as v from '@badrap/valita'
import { LoopDisk, MIB } from '../../disks/loop-disk.ts'
import { whyNoDisks } from '../../disks/requirements.ts'
import type { Engine, Settings } from './engine.ts'
import { BERTH_SSD, Plugin, publish } from './plugin.ts'
import { startRegistry } from './registry.ts'
import type { Suite } from './releases.ts'
import { whyNoEngines } from './requirements.ts'
import { oneEngine, type Test } from './world.ts'

/** Smallest first, as they are taken. */
const SIZES = [512, 640, 768, 896].map(size => size * MIB)

/** Why no volumes on disks can be tried here; undefined where they can. */
export async function whyNoVolumes(): Promise<string | undefined> {
  return (await whyNoEngines()) ?? whyNoDisks()
}

export type SsdHost = {
  readonly engine: Engine
  readonly plugin: Plugin
  readonly disks: readonly LoopDisk[]
}

/** One host with disks, which the plugin may take all, and an engine with the plugin. */
export async function oneSsdHost(t: Test, suite: Suite, count: number): Promise<SsdHost> {
  const disks: LoopDisk[] = []
  for (const size of SIZES.slice(0, count)) disks.push(await LoopDisk.create(t, { size }))
  const engine = await oneEngine(t, suite)
  const plugin = await Plugin.install(engine, settingsFor(disks), BERTH_SSD)
  return { engine, plugin, disks }
}

/** The same with two disks, and a registry that has another version of the plugin. */
export async function oneSsdHostWithUpgrade(
  t: Test,
  suite: Suite,
): Promise<SsdHost & { readonly upgrade: string }> {
  const host = await oneSsdHost(t, suite, 2)
  const upgrade = `${await startRegistry(host.engine.host)}/berth-ssd:2`
  await publish(host.engine, upgrade, BERTH_SSD)
  return { ...host, upgrade }
}

function settingsFor(disks: readonly LoopDisk[]): Readonly<Record<string, string>> {
  return { SSD_DEVICES: disks.map(({ node }) => node).join(','), SSD_ALLOW_LOOP: '1' }
}

const Texts = v.record(v.string()).nullable()
const Status = v.object({
  state: v.string(),
  bytes: v.number(),
  claim: v.string(),
  disk: v.object({ serial: v.string(), device: v.string().optional() }),
  mounts: v.record(v.number()),
})
const Inspected = v.tuple([v.object({ Labels: Texts, Options: Texts, Status })])

/** A volume as the engine shows it. */
export type Inspection = v.Infer<typeof Inspected>[0]

export async function createVolume(
  engine: Engine,
  name: string,
  flags: readonly string[] = [],
): Promise<void> {
  await engine.docker(['volume', 'create', '-d', 'berth-ssd', ...flags, name])
}

export async function inspectVolume(engine: Engine, name: string): Promise<Inspection> {
  const answer: unknown = JSON.parse(await engine.docker(['volume', 'inspect', name]))
  return Inspected.parse(answer, { mode: 'strip' })[0]
}

/** How often the volume is mounted, over all ids. */
export async function mountsOf(engine: Engine, name: string): Promise<number> {
  const { Status } = await inspectVolume(engine, name)
  return Object.values(Status.mounts).reduce((sum, count) => sum + count, 0)
}

/** Runs a line of busybox's shell in a container, where `busybox` stands before each command. */
export async function inside(engine: Engine, container: string, line: string): Promise<string> {
  const script = `busybox() { /busybox "$@"; }; ${line}`
  return await engine.docker(['exec', container, '/busybox', 'sh', '-c', script])
}

/** Adds a line to a file of the volume that is on the disk when this ends. */
export async function note(engine: Engine, container: string, line: string): Promise<void> {
  await inside(engine, container, `echo '${line}' >>/data/notes; busybox sync`)
}

export async function notes(engine: Engine, container: string): Promise<readonly string[]> {
  return (await inside(engine, container, 'busybox cat /data/notes')).split('\n')
}

/** The device that a container has on /data, and its file system; empty for none of its own. */
export async function mountedInside(engine: Engine, container: string): Promise<string> {
  const mounts = await inside(engine, container, 'busybox cat /proc/mounts')
  const [device, , type] =
    mounts
      .split('\n')
      .map(line => line.split(' '))
      .find(([, at]) => at === '/data') ?? []
  return device === undefined ? '' : `${device} ${type}`
}

/**
 * An engine that starts after it was killed ends the plugin, starts it again, and undoes the first one's mounts meanwhile: on
 * a busy machine those of the second one too (moby, plugin/manager_linux.go: shutdownPlugin waits for less than
 * HandleExitEvent does). Then no volume reaches a container until the plugin was disabled and enabled.
 *
 * @returns whether it was so, and was put right
 */
export async function mendLostMounts({
  engine,
  plugin,
}: Pick<SsdHost, 'engine' | 'plugin'>): Promise<boolean> {
  const mounts = await engine.host.run(['cat', '/proc/self/mountinfo'])
  if (mounts.includes('/propagated-mount')) return false
  await plugin.disable()
  await plugin.enable()
  return true
}

/** An orderly restart while no container runs, also of an engine that finds the plugin of its predecessor. */
export async function restartIdle(
  host: Pick<SsdHost, 'engine' | 'plugin'>,
  settings: Settings,
): Promise<void> {
  await host.engine.restart('SIGTERM', settings)
  await mendLostMounts(host)
}

/** Whether the host has the disk mounted anywhere that it sees. */
export async function isMountedOnHost(engine: Engine, disk: LoopDisk): Promise<boolean> {
  const mounts = await engine.host.run(['cat', '/proc/mounts'])
  return mounts.split('\n').some(line => line.startsWith(`${disk.node} `))
}

/** What of a volume must not change whatever happens to the engine and to the plugin. */
export async function assertKept(
  t: Test,
  engine: Engine,
  name: string,
  before: Inspection,
): Promise<void> {
  const after = await inspectVolume(engine, name)
  const lasting = ({ Labels, Options, Status: { claim, disk, bytes } }: Inspection) => {
    return { Labels, Options, claim, bytes, serial: disk.serial }
  }
  t.strictSame(lasting(after), lasting(before), 'it has its labels, its options and its disk')
}
