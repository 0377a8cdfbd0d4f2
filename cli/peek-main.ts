import { readFileSync } from 'node:fs'

/*
 * Prints a file; where there is none, ends with 3. A process of its own: a file system that hangs holds whoever asks it, so
 * that whoever waits for this one must be able to give up.
 */
try {
  process.stdout.write(readFileSync(process.argv[2] ?? ''))
} catch (error) {
  const isNone = error instanceof Error && 'code' in error && error.code === 'ENOENT'
  if (!isNone) process.stderr.write(error instanceof Error ? error.message : String(error))
  process.exitCode = isNone ? 3 : 1
}
