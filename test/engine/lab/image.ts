import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from './engine.ts'
import { tool } from './releases.ts'
import { run } from './run.ts'

/** The image of the containers: a busybox that sleeps until it is told to stop. */
export const IMAGE = 'berth-test'

const SLEEP = `trap exit TERM; while :; do /busybox sleep 3600 & wait $!; done`

export async function importImage(engine: Engine): Promise<void> {
  const folder = engine.host.path('image')
  mkdirSync(folder, { recursive: true })
  copyFileSync(tool(engine.suite, 'busybox'), join(folder, 'busybox'))
  await run('tar', ['-C', folder, '-cf', join(folder, 'image.tar'), 'busybox'])
  const command = `CMD ${JSON.stringify(['/busybox', 'sh', '-c', SLEEP])}`
  await engine.docker(['import', '-c', command, join(folder, 'image.tar'), IMAGE])
}
