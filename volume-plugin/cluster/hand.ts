import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Refusal } from '../../shared/refusal.ts'
import { doJob } from './hand-jobs.ts'
import { readJob, readWorld, STARTED } from './hand-words.ts'
import type { Answer, Job } from './hand-words.ts'
import { pathOf } from './place.ts'

/*
 * The program that touches the cluster file system, so that it is what hangs: a job in each line of its input, its answer
 * in a line of its output. It ends with its input.
 */

const [given = '{"root":"","mount":"","types":[]}'] = process.argv.slice(2)
const world = readWorld(given)

/** Together they last longer than the second for which GlusterFS believes what it saw before. */
const TRIES = 6
const FIRST_PAUSE_MS = 50
const ESTALE = -116
/** Of a file system whose server or client is gone, or that was mounted anew. */
const AWAY = ['ENOTCONN', 'EIO', 'ETIMEDOUT', 'EHOSTDOWN', 'EHOSTUNREACH', 'ENODEV', 'ESHUTDOWN']

// The modes of what is made are ours to say.
process.umask(0)
process.stdout.write(`${STARTED}\n`)
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(readJob(line)))}\n`)
}

async function answer(job: Job): Promise<Answer> {
  try {
    return { ok: true, value: await persist(job) }
  } catch (error) {
    if (error instanceof Refusal)
      return { ok: false, code: knownCode(error), message: error.message }
    const message = `${describe(job)}: ${(error as Error).message}`
    if (!isStale(error) && !AWAY.includes(codeOf(error))) return { ok: false, message }
    return {
      ok: false,
      code: 'cluster-away',
      message: `The file system on ${world.root} does not work (${message}). Where that lasts, unmount it on this host and mount it again`,
    }
  }
}

/** What two hosts do in the same folder at once confuses some file systems: a job may begin anew, whatever it did. */
async function persist(job: Job): Promise<unknown> {
  for (let pause = FIRST_PAUSE_MS, tries = 1; ; tries++, pause *= 2) {
    try {
      return await doJob(world, job)
    } catch (error) {
      if (tries === TRIES || !(isStale(error) || codeOf(error) === 'EIO')) throw error
      await sleep(pause)
    }
  }
}

/** For people: what the system says names only descriptors. */
function describe(job: Job): string {
  if ('place' in job) return `${job.do} ${pathOf(job.place)}`
  return job.do === 'move' ? `move ${pathOf(job.from)} to ${pathOf(job.to)}` : job.do
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Node has no name for it on every platform. */
function isStale(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && error.errno === ESTALE
}

function knownCode({
  code,
}: Refusal): 'cluster-away' | 'not-mounted' | 'volume-exists' | undefined {
  return code === 'cluster-away' || code === 'not-mounted' || code === 'volume-exists'
    ? code
    : undefined
}
