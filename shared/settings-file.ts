import { closeSync, fstatSync, openSync, readFileSync, constants } from 'node:fs'
import { BadSettings } from './settings.ts'
import type { Environment } from './settings.ts'

/**
 * The environment, with what stands in the file at `path` where the environment says nothing: a place for secrets,
 * since `docker plugin inspect` shows the environment. Lines are NAME=value; the value is taken as it is, without the
 * blanks around it. Empty lines and lines that begin with # are skipped. A file that is not there says nothing.
 *
 * @param names that may stand in the file
 * @throws {BadSettings} with every fault, and no value
 */
export function withSettingsFile(
  environment: Environment,
  path: string,
  names: readonly string[],
): Environment {
  const text = readPrivately(path)
  const faults: string[] = []
  const found = new Map<string, string>()
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue
    const [, name, value = ''] = /^\s*([^=\s]+)\s*=(.*)$/.exec(line) ?? []
    const fault = name === undefined ? 'Must be NAME=value' : faultOf(name, value.trim())
    if (fault !== undefined) faults.push(`${path}, line ${i + 1}: ${fault}`)
    else if (name !== undefined) found.set(name, value.trim())
  }
  if (faults.length > 0) throw new BadSettings(faults.join('\n'))
  return { ...environment, ...Object.fromEntries(found) }

  function faultOf(name: string, value: string): string | undefined {
    if (!names.includes(name)) return `"${name}" cannot stand here; only ${names.join(', ')} can`
    if (found.has(name)) return `${name} stands here twice`
    if ((environment[name] || value) !== value)
      return `${name} is set in the environment as well, to another value; leave one of them empty`
    return undefined
  }
}

function readPrivately(path: string): string {
  let file: number
  try {
    // What is not a file, such as a pipe, must not hold up the start.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return ''
    throw new BadSettings(`${path}: Cannot be read (${code})`, { cause: error })
  }
  try {
    const status = fstatSync(file)
    if (!status.isFile()) throw new BadSettings(`${path}: Is not a file`)
    if ((status.mode & 0o077) !== 0)
      throw new BadSettings(
        `${path}: Has mode ${(status.mode & 0o777).toString(8)}, so that others may read or change the secrets in it; run chmod 600 on it`,
      )
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}
