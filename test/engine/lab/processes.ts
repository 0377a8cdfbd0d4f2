import { readdirSync, readFileSync } from 'node:fs'
import { until } from './until.ts'

/** A process that cannot be taken for a later one with the same number. */
export type ProcessId = { readonly pid: number; readonly start: string }

/** Undefined where no such process lives (a zombie lives no more). */
export function identify(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const start = rest[18]
    return state === 'Z' || start === undefined ? undefined : { pid, start }
  } catch {
    return undefined
  }
}

export function isAlive(process: ProcessId): boolean {
  return identify(process.pid)?.start === process.start
}

export async function killAndWait(target: ProcessId, deadline = 10_000): Promise<void> {
  if (isAlive(target)) process.kill(target.pid, 'SIGKILL')
  await waitForEnd(target, deadline)
}

export async function waitForEnd(target: ProcessId, deadline: number): Promise<void> {
  await until(`the end of process ${target.pid}`, deadline, () => !isAlive(target))
}

export function childrenOf(pid: number): readonly ProcessId[] {
  return threadsOf(pid)
    .flatMap(thread => readOrNothing(`/proc/${pid}/task/${thread}/children`).split(' '))
    .filter(child => child !== '')
    .map(child => identify(Number(child)))
    .filter(child => child !== undefined)
}

/** The name of the program, as the kernel keeps it: 15 characters at most. */
export function programOf(process: ProcessId): string {
  return readOrNothing(`/proc/${process.pid}/comm`).trim()
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
