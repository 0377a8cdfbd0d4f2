import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { measureAllocation } from './allocation.ts'
import { median } from './load.ts'
import { measureMemory } from './memory.ts'
import { compileInto, startPlugin, startUncached } from './plugin.ts'
import type { Server } from './server.ts'
import { allocationTable, memoryTable, startTable } from './tables.ts'

const STARTS = 10

const print = (text: string) => process.stdout.write(`${text}\n\n`)

async function startMs(start: (folder: string) => Promise<Server>, folder: string) {
  const times: number[] = []
  for (let i = 0; i < STARTS; i++) {
    await using server = await start(join(folder, String(i)))
    times.push(server.startMs)
  }
  return median(times)
}

// Not below /tmp, which may be memory: a synced write must reach a disk to be worth comparing.
const folder = await mkdtemp(join(process.env['TMPDIR'] ?? '/var/tmp', 'berth-bench-'))
const cache = join(folder, 'compiled')
process.setMaxListeners(0)
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
await compileInto(cache, join(folder, 'first'))
const uncached = await startMs(startUncached, join(folder, 'uncached'))
const shipped = await startMs(at => startPlugin(at, cache), join(folder, 'shipped'))
print(startTable(shipped, uncached))
print(memoryTable(await measureMemory(join(folder, 'memory'), cache)))
print(allocationTable(await measureAllocation(join(folder, 'allocation'), cache)))
