import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { within } from '../shared/within.ts'

const MAIN = fileURLToPath(new URL('peek-main.ts', import.meta.url))
/** What it ends with where there is no such file. */
const NONE = 3

export type Peeked =
  /** Undefined where there is no such file. */
  | { readonly is: 'read'; readonly text: string | undefined }
  | { readonly is: 'failed'; readonly why: string }
  | { readonly is: 'silent' }

/** Reads a file of a file system that may hang; then nobody waits for it any longer than this. */
export async function peek(path: string, deadlineMs: number): Promise<Peeked> {
  const child = spawn(process.execPath, [MAIN, path], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  const done = await within(ended, deadlineMs)
  if (!done) {
    child.kill('SIGKILL')
    child.stdout.destroy()
    child.stderr.destroy()
    child.unref()
    ended.catch(() => {})
    return { is: 'silent' }
  }
  const [out, err] = done
  if (child.exitCode === 0) return { is: 'read', text: out }
  if (child.exitCode === NONE) return { is: 'read', text: undefined }
  return { is: 'failed', why: err.trim() || 'it cannot be read' }
}
