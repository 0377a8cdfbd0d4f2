import type { Command } from 'commander'
import type { AdminClient } from './client.ts'
import type { Terminal } from './terminal.ts'

/** What every command works with. */
export type Context = {
  readonly api: AdminClient
  readonly terminal: Terminal
  /** The answer is for a program: the API's JSON, as one document. */
  readonly json: boolean
}

/** Finds the context in the options that a command was given. */
export type Open = (command: Command) => Context

export function printJson({ terminal }: Pick<Context, 'terminal'>, answer: object): void {
  terminal.write(`${JSON.stringify(answer, undefined, 2)}\n`)
}
