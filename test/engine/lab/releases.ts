import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.ts'

/** Each Debian suite carries one engine: bookworm 20.10 (the oldest of the matrix), trixie 26.1, sid the newest. */
export type Suite = 'bookworm' | 'trixie' | 'sid'

export const OLDEST: Suite = 'bookworm'
export const NEWEST: Suite = 'sid'

export const REPOSITORY = join(import.meta.dirname, '../../..')

export const DIST = join(REPOSITORY, 'dist')
export const ENGINES = join(DIST, 'engines')

/** Folders for PATH, below wherever the engines are mounted. Bookworm's serve every engine with runc, init and registry. */
export function toolFolders(engines: string, suite: Suite): readonly string[] {
  return [...new Set([suite, OLDEST])].map(each => join(engines, each, 'bin'))
}

export function tool(suite: Suite, name: string): string {
  const found = toolFolders(ENGINES, suite)
    .map(folder => join(folder, name))
    .find(path => existsSync(path))
  if (!found) throw new Error(`${name}: not among the tools of Debian's ${suite} in ${ENGINES}`)
  return found
}

/** Downloads what is missing. */
export async function fetchEngines(suites: readonly Suite[]): Promise<void> {
  for (const suite of new Set([OLDEST, ...suites])) {
    const script = join(REPOSITORY, 'test/engine/fetch-engine.sh')
    await run(script, [ENGINES, suite], { deadline: 600_000 })
  }
}
