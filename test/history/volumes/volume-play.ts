import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../random.ts'
import type { History } from './record.ts'
import type { VolumeEngine, VolumeKind } from './volume-engine.ts'
import { VolumeWorld } from './volume-world.ts'

type Common = VolumeKind & {
  readonly name: string
  readonly options?: Readonly<Record<string, string>>
}

const HOSTS = 3
/** Volumes that stay, and that all hosts use. */
const COMMON: readonly Common[] = [
  { name: 'shared' },
  { name: 'lone-0', exclusive: true, options: { access: 'exclusive' } },
  { name: 'lone-1', exclusive: true, options: { access: 'exclusive' } },
  { name: 'logs', isLog: true, options: { kind: 'log', app: 'web' } },
]
const KINDS = [
  ...(['kill', 'powerOff', 'cut', 'late', 'strand'] as const),
  ...(['partition', 'etcd', 'hang', 'unmount'] as const),
] as const
export type VolumeFault = (typeof KINDS)[number]
const SETTLES_WITHIN_MS = 40_000

export type PlayResult = {
  readonly history: History
  readonly broken: readonly string[]
  readonly faults: readonly VolumeFault[]
  /** Where the record and the logs are, if anything is broken. */
  readonly folder: string | undefined
}

// What runs on its own is ended when this process exits; a signal must let it come to that.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))

/** Containers on three hosts come and go while everything fails in turn; then it is judged. */
export async function playVolumes(seed: number, lastsMs: number): Promise<PlayResult> {
  const world = await VolumeWorld.open(HOSTS)
  try {
    const { history, broken, faults } = await live(world, new Random(seed), lastsMs)
    const folder = await world.close(broken.length > 0, history)
    return { history, broken, faults, folder: broken.length > 0 ? folder : undefined }
  } catch (error) {
    const folder = await world.close(true)
    throw new Error(`The run of seed ${seed} broke off; its logs are in ${folder}`, {
      cause: error,
    })
  }
}

async function live(world: VolumeWorld, random: Random, lastsMs: number) {
  for (const { name, options } of COMMON) await world.engine(0).create(name, options)
  const over = new AbortController()
  const lanes = world.engines.flatMap((engine, i) => [
    useCommon(engine, random.fork(100 + i), over.signal),
    useCommon(engine, random.fork(200 + i), over.signal),
    useOwn(world, engine, random.fork(300 + i), over.signal),
  ])
  const working = Promise.all(lanes)
  let faults: VolumeFault[]
  try {
    const failing = fail(world, random.fork(1), lastsMs)
    faults = await Promise.race([failing, working.then(() => [])])
    await world.heal()
  } finally {
    over.abort()
  }
  await working
  const left = await world.settle(SETTLES_WITHIN_MS)
  return { ...(await world.judged(left)), faults }
}

/** Containers that have what all hosts have. */
async function useCommon(engine: VolumeEngine, random: Random, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const { name, ...kind } = random.pick(COMMON)
    if (random.chance(0.3)) await engine.get(name)
    const container = await engine.start(name, kind)
    await sleep(random.between(0, container ? 800 : 150))
    if (container) await engine.stop(container)
  }
}

/** Volumes that are made, used, removed, brought back. */
async function useOwn(
  world: VolumeWorld,
  engine: VolumeEngine,
  random: Random,
  over: AbortSignal,
): Promise<void> {
  for (let i = 0; !over.aborted; i++) {
    const volume = `${engine.host.name}-own-${i}`
    const other = random.pick(world.engines)
    await sleep(random.between(0, 300))
    if ((await engine.create(volume)).is !== 'ok') continue
    await useOnce(engine, volume)
    await other.get(volume)
    await useOnce(other, volume)
    if ((await other.remove(volume)).is !== 'ok') continue
    if ((await engine.restore(volume)).is !== 'ok') continue
    await useOnce(random.pick(world.engines), volume)
  }
}

async function useOnce(engine: VolumeEngine, volume: string): Promise<void> {
  const container = await engine.start(volume)
  if (container) await engine.stop(container)
}

/** One fault after the other, each kind in turn. */
async function fail(world: VolumeWorld, random: Random, lastsMs: number): Promise<VolumeFault[]> {
  const end = performance.now() + lastsMs
  const faults: VolumeFault[] = []
  while (performance.now() < end) {
    for (const kind of random.shuffled(KINDS)) {
      if (performance.now() > end) break
      faults.push(kind)
      await inflict(world, random, kind)
      await sleep(random.between(200, 1500))
    }
  }
  return faults
}

async function inflict(world: VolumeWorld, random: Random, kind: VolumeFault): Promise<void> {
  const engine = random.pick(world.engines)
  const { host } = engine
  const { instance, wire } = host
  const forMs = random.between(300, 3000)
  switch (kind) {
    case 'kill':
      await instance.kill()
      await sleep(forMs / 3)
      return await instance.start()
    case 'powerOff':
      return await powerOff(world, engine, forMs)
    case 'cut':
      return wire.cut()
    case 'late':
      await wire.answerLate()
      await sleep(forMs)
      return await wire.pass()
    case 'strand':
      wire.strand()
      await sleep(forMs)
      return wire.land()
    case 'partition':
      await wire.partition()
      await sleep(forMs)
      return await wire.pass()
    case 'etcd':
      await world.etcd.kill(world.etcd.member(0))
      await sleep(forMs)
      return await world.etcd.startAll()
    case 'hang':
      host.hang()
      await sleep(forMs * 2)
      return host.goOn()
    case 'unmount':
      await host.unmountClient()
      await sleep(forMs)
      return await host.mountClient()
  }
}

/** An operator says of each exclusive volume that it had that the host is dead, which is true. */
async function powerOff(world: VolumeWorld, engine: VolumeEngine, forMs: number): Promise<void> {
  const { host } = engine
  const held = [...engine.containers].flatMap(({ hold }) => (hold.exclusive ? [hold.volume] : []))
  engine.powerOff()
  await host.powerOff()
  const other = world.engines.find(one => one !== engine)
  for (const volume of new Set(held)) await other?.breakLock(volume, host.name).catch(() => false)
  await sleep(forMs)
  await host.instance.start()
}
