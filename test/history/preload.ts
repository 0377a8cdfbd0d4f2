import { readFileSync } from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

/**
 * Loaded into an instance before its main:
 * - `CLOCK`: a file with the milliseconds by which its clock is off; read again at SIGUSR2.
 * - `BOOT`: stands for the kernel's boot id.
 */
const { CLOCK = '', BOOT } = process.env
const BOOT_FILE = '/proc/sys/kernel/random/boot_id'

let offset = readOffset()
process.on('SIGUSR2', () => (offset = readOffset()))

const RealDate = Date
globalThis.Date = new Proxy(RealDate, {
  construct: (_, args: [] | [number]) =>
    args.length === 0 ? new RealDate(now()) : Reflect.construct(RealDate, args),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
})

if (BOOT !== undefined) {
  const readFile = promises.readFile
  promises.readFile = (async (...args: Parameters<typeof readFile>) =>
    args[0] === BOOT_FILE ? `${BOOT}\n` : await readFile(...args)) as typeof readFile
  syncBuiltinESMExports()
}

function now(): number {
  return RealDate.now() + offset
}

function readOffset(): number {
  return Number(readFileSync(CLOCK, 'utf8'))
}
