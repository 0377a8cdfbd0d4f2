import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import * as v from '@badrap/valita'
import type { Engine } from '../test/engine/lab/engine.ts'
import { REPOSITORY } from '../test/engine/lab/releases.ts'
import { run } from '../test/engine/lab/run.ts'

/** Where a container has what it writes to. */
const DATA = '/data'
const IMAGE = 'bench-fio'
const SECONDS = 5
/** Its file is there already, written once, so that nobody is the first. */
const FILE = ['--filename', `${DATA}/written`, '--size=256M']
const COMMON = ['--name=bench', '--ioengine=psync', '--thread', '--output-format=json', ...FILE]
const TIMED = ['--time_based', `--runtime=${SECONDS}`]

export type Work = { readonly name: string; readonly args: readonly string[] }

/** Past the cache of the container's host, which would answer for the disk. */
export const SEQUENTIAL: Work = {
  name: 'sequential write, 1 MiB each',
  args: [...TIMED, '--rw=write', '--bs=1M', '--direct=1'],
}
export const RANDOM: Work = {
  name: 'random write, 4 KiB each, with fsync',
  args: [...TIMED, '--rw=randwrite', '--bs=4k', '--fsync=1'],
}
const LAYOUT: Work = { name: 'layout', args: ['--rw=write', '--bs=1M', '--end_fsync=1'] }

const Report = v.object({
  jobs: v.tuple([v.object({ error: v.number(), write: v.object({ bw_bytes: v.number() }) })]),
})

/** An image of fio and what it loads. */
export async function importFio(engine: Engine, fio: string): Promise<void> {
  const folder = engine.host.path('fio')
  mkdirSync(join(folder, 'root'), { recursive: true })
  await run(join(REPOSITORY, 'scripts/copy-programs'), [join(folder, 'root'), fio])
  await run('tar', ['-C', join(folder, 'root'), '-cf', join(folder, 'image.tar'), '.'])
  const entrypoint = `ENTRYPOINT ${JSON.stringify([fio])}`
  await engine.docker(['import', '-c', entrypoint, join(folder, 'image.tar'), IMAGE])
}

/** Bytes a second, written in a container of its own to a volume, or to a folder of the host. */
export async function writeIn(engine: Engine, source: string, work: Work): Promise<number> {
  const container = ['run', '--rm', '--network', 'none', '-v', `${source}:${DATA}`, IMAGE]
  const output = await engine.docker([...container, ...COMMON, ...work.args])
  const { jobs } = Report.parse(JSON.parse(output), { mode: 'strip' })
  const [{ error, write }] = jobs
  if (error !== 0) throw new Error(`fio's ${work.name} in ${source} ended with error ${error}`)
  return write.bw_bytes
}

export async function layOut(engine: Engine, source: string): Promise<void> {
  await writeIn(engine, source, LAYOUT)
}
