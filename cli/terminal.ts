import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { Failure, WrongUsage } from './failure.ts'

/** Where the command is typed, and where its output goes. */
export class Terminal {
  readonly #input: Readable
  readonly #output: Writable
  readonly #errors: Writable
  readonly #isInteractive: boolean

  /** @param isInteractive somebody sits there who can be asked */
  constructor(input: Readable, output: Writable, errors: Writable, isInteractive: boolean) {
    this.#input = input
    this.#output = output
    this.#errors = errors
    this.#isInteractive = isInteractive
  }

  /** The answer, for people. */
  print(text: string): void {
    this.#output.write(printable(text))
  }

  /** The answer, for a program. */
  write(text: string): void {
    this.#output.write(text)
  }

  /** What is not part of the answer. */
  note(text: string): void {
    this.#errors.write(printable(text))
  }

  /**
   * Asks whoever sits there to type `expected`.
   *
   * @param instead what to say where nobody can be asked
   * @throws {Failure} where something else is typed
   * @throws {WrongUsage} where nobody can be asked
   */
  async confirm(
    warning: string,
    wanted: string,
    expected: string,
    instead = '--yes',
  ): Promise<void> {
    if (!this.#isInteractive) {
      throw new WrongUsage(`There is no terminal to ask at whether this is meant: say ${instead}`)
    }
    this.note(`${warning}\nType ${wanted} to go on: `)
    const typed = await readLine(this.#input)
    if (typed?.trim() !== expected) {
      throw new Failure(`Nothing was done: "${expected}" was not typed`)
    }
  }
}

/** Names come from other hosts, and from whoever starts containers: none may command the terminal. */
const printable = (text: string): string => text.replaceAll(/[^\P{Cc}\n]/gu, '?')

/** Undefined where the input ended instead. */
async function readLine(input: Readable): Promise<string | undefined> {
  const lines = createInterface({ input })
  try {
    for await (const line of lines) return line
    return undefined
  } finally {
    lines.close()
  }
}
