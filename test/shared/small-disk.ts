import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A folder that is a file system of its own: it can be full, or read-only, without harm to anybody else. */
export type SmallDisk = {
  readonly folder: string
  /** Changes what it was mounted with, such as `size=16m` or `ro`. */
  remount(options: string): void
}

/** Undefined, and said so, where nobody may mount; under `CI=true` that is a failure. */
export function smallDisk(t: Test, size: string): SmallDisk | undefined {
  if (process.getuid?.() !== 0) {
    const reason = 'SKIPPED: mounting a small file system needs root'
    if (process.env['CI'] === 'true') t.fail(reason)
    else t.comment(reason)
    return undefined
  }
  const folder = mkdtempSync(join(tmpdir(), 'berth-test-'))
  t.teardown(() => {
    run('umount', '--lazy', folder)
    rmdirSync(folder)
  })
  run('mount', '-t', 'tmpfs', '-o', `size=${size},mode=755`, 'berth-test', folder)
  return { folder, remount: options => run('mount', '-o', `remount,${options}`, folder) }
}

function run(command: string, ...args: string[]): void {
  execFileSync(`/usr/bin/${command}`, args, { timeout: 10_000, env: { LC_ALL: 'C' } })
}
