import { spawn } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { identify, killAndWait } from '../engine/lab/processes.ts'
import type { ProcessId } from '../engine/lab/processes.ts'
import { until } from '../engine/lab/until.ts'

/** As far as processes use a test. */
type Test = { teardown(end: () => Promise<void>): void }

/** A process that lives as long as the test, unless it is ended before. */
export function keep(t: Test, command: string, args: readonly string[]): ProcessId {
  const { pid } = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], { stdio: 'ignore' })
  const kept = identify(pid ?? 0)
  if (!kept) throw new Error(`${command} ended at once`)
  t.teardown(async () => await killAndWait(kept))
  return kept
}

/** A mount namespace with all that is mounted here now: what comes later, or goes, does so without it. */
export async function keepNamespace(t: Test): Promise<ProcessId> {
  const kept = keep(t, 'unshare', ['--mount', '--propagation', 'private', 'sleep', 'infinity'])
  const namespaceOf = (pid: number) => readlinkSync(`/proc/${pid}/ns/mnt`)
  const own = namespaceOf(process.pid)
  await until('a mount namespace', 10_000, () => namespaceOf(kept.pid) !== own)
  return kept
}
