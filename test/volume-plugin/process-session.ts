import { readdirSync, readFileSync } from 'node:fs'
import { identify, killAndWait } from '../engine/lab/processes.ts'

/** Ends what is left of a session whose first process is gone, and waits for it: a tool may still write to a disk. */
export async function endSession(id: number): Promise<void> {
  for (let left = membersOf(id); left.length > 0; left = membersOf(id)) {
    await Promise.all(
      left.map(async pid => {
        const member = identify(pid)
        if (member) await killAndWait(member, 30_000)
      }),
    )
  }
}

function membersOf(id: number): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter(pid => pid > 0 && identify(pid) !== undefined && sessionOf(pid) === id)
}

function sessionOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // After the name, which may hold anything: state, parent, process group, session.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3])
  } catch {
    return undefined
  }
}
