export type Environment = Readonly<Record<string, string | undefined>>

/** One setting: how its text is read, and what stands where the text is absent or empty. */
export type Setting<T> = {
  readonly fallback: T
  /** @throws {Error} saying what was wanted */
  readonly parse: (text: string) => T
  /** Its text may be a secret, or hold one: faults name it without. */
  readonly secret?: boolean
}

export type Settings<S> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never }

/** All that is wrong with the environment, at once. */
export class BadSettings extends Error {
  override readonly name = 'BadSettings'
}

/**
 * Reads every setting of `table` from the environment. Names in `elsewhere` belong to other parts of Berth or to later
 * versions: set here, they would be believed and do nothing, so they are faults, with the sentence given.
 *
 * @throws {BadSettings} with one line for each fault
 */
export function readSettings<S extends Record<string, Setting<unknown>>>(
  table: S,
  environment: Environment,
  elsewhere: Readonly<Record<string, string>> = {},
): Settings<S> {
  const faults: string[] = []
  const values = Object.entries(table).map(([name, { fallback, parse, secret }]) => {
    const text = environment[name]
    if (text === undefined || text === '') return [name, fallback]
    try {
      return [name, parse(text)]
    } catch (error) {
      faults.push(`${secret ? name : `${name}="${text}"`}: ${(error as Error).message}`)
      return [name, fallback]
    }
  })
  for (const [name, why] of Object.entries(elsewhere)) {
    if (environment[name]) faults.push(`${name}: ${why}`)
  }
  if (faults.length > 0) throw new BadSettings(faults.join('\n'))
  return Object.fromEntries(values) as Settings<S>
}

/** @throws {Error} for anything but one of `words` */
export function oneOf<W extends string>(words: readonly W[]): (text: string) => W {
  return text => {
    const word = words.find(candidate => candidate === text)
    if (word === undefined) throw new Error(`Must be one of ${words.join(', ')}`)
    return word
  }
}

/** Without slashes at its end. @throws {Error} for a path that is not absolute, or has `.`, `..` or `//` in it */
export function absolutePath(text: string): string {
  const path = text.replace(/(?<=.)\/+$/, '')
  const isPlain = path.startsWith('/') && !/\/\/|\/\.{1,2}(?:\/|$)/.test(path)
  if (!isPlain) throw new Error('Must be an absolute path, without ".", ".." and empty names')
  return path
}
