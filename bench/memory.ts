import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { load } from './load.ts'
import { allocations, makePool, startPlugin } from './plugin.ts'

const HELD = 65_000
const IDLE_MS = 3000
const LINES = ['Anonymous', 'Private_Dirty', 'Private_Clean', 'Pss', 'Rss'] as const

export type Memory = Readonly<Record<(typeof LINES)[number], number>>

/** MiB, by the names of the kernel, before the first and with 65,000 addresses held. */
export async function measureMemory(
  folder: string,
  cache: string,
): Promise<{ empty: Memory; full: Memory }> {
  await using plugin = await startPlugin(folder, cache)
  const connections = await plugin.connections(16)
  const [first] = connections
  if (!first) throw new Error('A pool needs a connection')
  const pool = await makePool(first, '10.0.0.0/15')
  const empty = await readMemory(plugin.pid)
  await load(connections, allocations(pool, HELD))
  await sleep(IDLE_MS)
  return { empty, full: await readMemory(plugin.pid) }
}

async function readMemory(pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8')
  const mib = (name: string) =>
    Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1]) / 1024
  return Object.fromEntries(LINES.map(name => [name, mib(name)])) as Memory
}
