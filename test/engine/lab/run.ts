import { execFile } from 'node:child_process'

const SECOND = 1000
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export type RunOptions = {
  readonly deadline?: number
  readonly env?: Readonly<Record<string, string>>
}

/** A command that answered with an exit code other than 0, or not at all within its deadline. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly stderr: string

  constructor(command: string, outcome: string, stderr: string) {
    super(`${command}: ${outcome}: ${stderr.trim()}`)
    this.stderr = stderr
  }
}

/** Runs a program to its end and gives its standard output. The environment is fixed, so that every machine answers alike. */
export function run(
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const deadline = options.deadline ?? 60 * SECOND
  const environment = { PATH, LC_ALL: 'C', HOME: '/root', ...options.env }
  return new Promise((resolve, reject) => {
    execFile(
      file,
      args,
      { env: environment, timeout: deadline, killSignal: 'SIGKILL', maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout)
        const outcome = error.killed ? `no end within ${deadline} ms` : `exit ${error.code}`
        reject(new CommandFailed([file, ...args].join(' '), outcome, stderr))
      },
    )
  })
}
