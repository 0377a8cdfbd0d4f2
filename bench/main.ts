import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { measureEtcd } from './on-etcd.ts'
import { measureLevel } from './on-level.ts'
import { measureSsd } from './on-ssd.ts'
import { Scope } from './scope.ts'

const PARTS = { leveldb: measureLevel, etcd: measureEtcd, ssd: measureSsd }
const known = Object.keys(PARTS) as (keyof typeof PARTS)[]
const asked = process.argv.slice(2)
const unknown = asked.filter(name => !known.some(part => part === name))

// Not below /tmp, which may be memory: a synced write must reach a disk to be worth comparing.
const folder = await mkdtemp(join(process.env['TMPDIR'] ?? '/var/tmp', 'berth-bench-'))
process.env['TMPDIR'] = folder
process.setMaxListeners(0)
const scope = new Scope()
scope.endOnSignals()
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))

if (unknown.length > 0) {
  process.stderr.write(`There is no part ${unknown.join(', ')}; there are ${known.join(', ')}\n`)
  process.exitCode = 2
} else {
  for (const part of known.filter(name => asked.length === 0 || asked.includes(name))) {
    const print = (text: string) => process.stdout.write(`${text}\n\n`)
    const faults = await scope.part(own => PARTS[part](join(folder, part), print, own))
    if (faults > 0) process.exitCode = 1
  }
}
