import { join } from 'node:path'
import { measureAllocation } from './allocation.ts'
import { Ledger } from './ledger.ts'
import { median } from './load.ts'
import { measureMemory } from './memory.ts'
import { compileInto, startAsShipped, startPlugin, startUncached } from './plugin.ts'
import type { Server } from './server.ts'
import { allocationTable, ledgerLine, memoryTable, startTable } from './tables.ts'

const STARTS = 10
const WANTED_RATIO = 1.3

/** The plugin of a single host. Returns how many answers were wrong. */
export async function measureLevel(folder: string, print: (text: string) => void): Promise<number> {
  const cache = join(folder, 'compiled')
  await compileInto(cache, join(folder, 'first'))
  const uncached = await startMs(startUncached, join(folder, 'uncached'))
  const shipped = await startMs(at => startPlugin(at, cache), join(folder, 'shipped'))
  print(startTable(shipped, uncached))
  print(memoryTable(await measureMemory(join(folder, 'memory'), cache)))
  await using floor = await startAsShipped('bench/floor.ts', join(folder, 'floor'))
  await using other = await startAsShipped('bench/floor.ts', join(folder, 'other'))
  await using protocol = await startAsShipped('bench/floor.ts', join(folder, 'protocol'), {
    FLOOR_PROTOCOL: '1',
  })
  await using plugin = await startPlugin(join(folder, 'plugin'), cache)
  const ledger = new Ledger()
  const rows = await measureAllocation({ floor, other, protocol, plugin }, [1, 16], ledger)
  print(allocationTable('allocation on LevelDB', rows, WANTED_RATIO))
  print(ledgerLine([ledger]))
  return ledger.faults.length
}

async function startMs(start: (folder: string) => Promise<Server>, folder: string) {
  const times: number[] = []
  for (let i = 0; i < STARTS; i++) {
    await using server = await start(join(folder, String(i)))
    times.push(server.startMs)
  }
  return median(times)
}
