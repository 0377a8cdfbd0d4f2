import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LoopDisk } from '../test/disks/loop-disk.ts'
import { FLOOR } from './allocation.ts'
import { compare } from './compare.ts'
import type { Ratios, Side } from './compare.ts'
import type { Connection } from './connection.ts'
import { load } from './load.ts'
import { startAsShipped } from './plugin.ts'
import type { Scope } from './scope.ts'
import { nameOf, seedVolumes } from './seeded-volumes.ts'
import type { Server } from './server.ts'
import { SsdPlugin, volumeRequest } from './ssd-plugin.ts'

export type CallRow = Ratios & { readonly name: string }
export type Calls = {
  /** The plugin against answers that are there already. */
  readonly againstFloor: readonly CallRow[]
  /** Many volumes against few. */
  readonly againstFew: readonly CallRow[]
}

export const FEW = 5
export const MANY = 500
const CALLS = {
  Capabilities: {},
  Get: { Name: nameOf(FEW - 1) },
  List: {},
} as const
const METHODS = Object.keys(CALLS) as (keyof typeof CALLS)[]
const ROUND = 250
const LONG_ROUND = 5000
const LONG = { rounds: 30, ms: 6000 }
/** Each with a Create and a wipe. */
const CREATING = { rounds: 8, ms: 60_000 }
const WARM_UP = 8
const GIB = 2 ** 30

type Measured = {
  readonly plugin: SsdPlugin
  readonly floor: Server
  readonly other: Server
}

/** What the engine asks all the time, with few volumes and with many, also while a volume is made. */
export async function measureCalls(scope: Scope, folder: string): Promise<Calls> {
  const few = await start(scope, join(folder, 'few'), FEW)
  const many = await start(scope, join(folder, 'many'), MANY)
  const againstFloor: CallRow[] = []
  const least = sideOf(await connect(few.floor), 'Capabilities')
  const same = sideOf(await connect(few.other), 'Capabilities')
  againstFloor.push({ name: FLOOR, ...(await compareWarm(same, least)) })
  for (const [count, { plugin, floor }] of [
    [FEW, few],
    [MANY, many],
  ] as const) {
    for (const method of METHODS) {
      const subject = sideOf(await connect(plugin.server), method)
      const ratios = await compareWarm(subject, sideOf(await connect(floor), method))
      againstFloor.push({ name: `${method}, ${count} volumes`, ...ratios })
    }
  }
  return { againstFloor, againstFew: await compareCounts(few.plugin, many.plugin) }
}

/** Each method three times: both idle; both while they make a volume; and, more strictly, only many while they make one. */
async function compareCounts(few: SsdPlugin, many: SsdPlugin): Promise<CallRow[]> {
  const rows: CallRow[] = []
  for (const method of METHODS) {
    const below = await connect(few.server)
    const above = await connect(many.server)
    const idle = await compareWarm(sideOf(above, method), sideOf(below, method))
    const creating = whileCreating(many, above, method)
    const alike = await compare(creating, whileCreating(few, below, method), CREATING)
    // As long as a Create takes: a few calls after a pause would be slow ones.
    const strict = await compare(creating, sideOf(below, method, LONG_ROUND), CREATING)
    rows.push(
      { name: `${method}, both idle`, ...idle },
      { name: `${method}, each during a Create of its own`, ...alike },
      { name: `${method}, ${MANY} during a Create, ${FEW} idle`, ...strict },
    )
  }
  return rows
}

/** With one disk that may be taken. */
async function start(scope: Scope, folder: string, count: number): Promise<Measured> {
  const disk = await LoopDisk.create(scope, { size: GIB })
  const at = join(folder, 'plugin')
  await seedVolumes(at, count)
  const plugin = await SsdPlugin.start(scope, at, [disk])
  const answers: Record<string, unknown> = {}
  for (const method of METHODS) {
    answers[`VolumeDriver.${method}`] = JSON.parse(await plugin.call(method, CALLS[method]))
  }
  const floor = await startFloor(scope, join(folder, 'floor'), answers)
  const other = await startFloor(scope, join(folder, 'other'), answers)
  return { plugin, floor, other }
}

async function startFloor(scope: Scope, folder: string, answers: object): Promise<Server> {
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'answers.json')
  await writeFile(file, JSON.stringify(answers))
  const floor = await startAsShipped('bench/volume-floor.ts', folder, { ANSWERS: file })
  scope.teardown(() => floor[Symbol.asyncDispose]())
  return floor
}

async function connect(server: Server): Promise<readonly Connection[]> {
  return await server.connections(1)
}

function sideOf(
  connections: readonly Connection[],
  method: keyof typeof CALLS,
  length = ROUND,
): Side {
  const requests = Array.from({ length }, () => volumeRequest(method, CALLS[method]))
  return async () => await load(connections, requests)
}

/** As many calls as fit into the making of a volume. */
function whileCreating(
  plugin: SsdPlugin,
  connections: readonly Connection[],
  method: keyof typeof CALLS,
): Side {
  const bytes = volumeRequest(method, CALLS[method])
  const Name = 'made-meanwhile'
  return async () => {
    let isMade = false
    const making = plugin.call('Create', { Name, Opts: {} }).finally(() => {
      isMade = true
    })
    function* requests(): Generator<Buffer> {
      while (!isMade) yield bytes
    }
    const sample = await load(connections, requests())
    await making
    await plugin.giveBack(Name)
    return sample
  }
}

/** Until the engine of JavaScript has compiled what is hot: who was idle has given that back. */
async function compareWarm(subject: Side, floor: Side): Promise<Ratios> {
  for (let round = 0; round < WARM_UP; round++) {
    await subject()
    await floor()
  }
  return await compare(subject, floor, LONG)
}
