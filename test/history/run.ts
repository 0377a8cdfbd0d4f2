import { randomInt } from 'node:crypto'
import { ALL_KINDS, play } from './play.ts'
import type { FaultKind } from './plan.ts'

/**
 * One run, told on standard output. Everything comes from the environment:
 * - `SEED`: repeats the plan of an earlier run; else a new one.
 * - `SECONDS`, `HOSTS`: how long, and how many.
 * - `KINDS`: the faults, separated by commas; else all.
 * - `BROKEN`: the name of a deliberately broken double, see broken/.
 */
const { SEED, SECONDS = '50', HOSTS = '8', KINDS, BROKEN } = process.env
const wanted = KINDS?.split(',')

const { counts, broken, folder } = await play({
  seed: Number(SEED ?? randomInt(2 ** 32)),
  lastsMs: Number(SECONDS) * 1000,
  hosts: Number(HOSTS),
  kinds: wanted ? ALL_KINDS.filter((kind: FaultKind) => wanted.includes(kind)) : ALL_KINDS,
  preloads: BROKEN ? [new URL(`broken/${BROKEN}.ts`, import.meta.url).href] : [],
})
process.stdout.write(`${[counts, ...new Set(broken)].join('\n  ')}\n`)
if (folder) {
  process.stdout.write(`The record and the logs are in ${folder}\n`)
  process.exitCode = 1
}
