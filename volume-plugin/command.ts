import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin'
const MOST_OUTPUT = 1024 * 1024

export type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string }

export type CommandOptions = {
  readonly deadlineMs: number
  /** An open file that the tool gets as its descriptor 3, and has for as long as it lives. */
  readonly descriptor?: number
  /** Where tools are looked for. */
  readonly path?: string
}

/**
 * Runs one of the system's tools, speaking English, with no shell between.
 *
 * @returns also where the tool says no: what that means is the caller's to know
 * @throws {CommandFailed} where there is no such tool, where something killed it, or where it has not ended by the
 *   deadline (CommandLate); then it was killed, but one that waits for a dead disk may still live
 */
export function command(
  tool: string,
  args: readonly string[],
  { deadlineMs, descriptor, path = PATH }: CommandOptions,
): Promise<Ended> {
  const line = [tool, ...args].join(' ')
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, {
      cwd: '/',
      env: { PATH: path, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe', descriptor ?? 'ignore'],
    })
    const stdout = gather(child.stdout)
    const stderr = gather(child.stderr)
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      // Nobody waits for it any more: neither this promise nor the end of this process.
      child.stdout?.destroy()
      child.stderr?.destroy()
      child.unref()
      const gone = new Promise<void>(done => child.once('exit', () => done()))
      reject(new CommandLate(`${line} did not end within ${deadlineMs / 1000} s`, gone))
    }, deadlineMs)
    child.once('error', cause => {
      clearTimeout(timer)
      reject(new CommandFailed(`${line} cannot be run: ${cause.message}`, { cause }))
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (code === null) return reject(new CommandFailed(`${line} was ended by ${signal}`))
      resolve({ code, stdout: stdout(), stderr: stderr() })
    })
  })
}

/** A tool that gave no answer. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
}

/** It was killed at its deadline. */
export class CommandLate extends CommandFailed {
  /** Resolves when it no longer lives, which a file system that hangs may put off. */
  readonly gone: Promise<void>

  constructor(message: string, gone: Promise<void>) {
    super(message)
    this.gone = gone
  }
}

/** In one line, for a message. */
export function words({ code, stderr }: Ended): string {
  return stderr.trim().replaceAll(/\s*\n\s*/g, '; ') || `it ended with ${code}`
}

function gather(stream: Readable | null): () => string {
  let text = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (part: string) => {
    if (text.length < MOST_OUTPUT) text += part
  })
  return () => text
}
