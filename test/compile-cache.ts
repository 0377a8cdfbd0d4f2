import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Where Node keeps the code of the processes that tests start, compiled: halves the time of a start. A run of all tests
 * shares one.
 */
export const COMPILE_CACHE = process.env['NODE_COMPILE_CACHE'] ?? makeCache()

/** Gone with this process. */
function makeCache(): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-compiled-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}
