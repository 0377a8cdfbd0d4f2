import * as v from '@badrap/valita'
import { volumeName } from './volume-name.ts'
import type { VolumeName } from './volume-name.ts'

/** What records are made of. Somebody else may have written them: what becomes part of a path is checked. */

export const hex = v
  .string()
  .assert(text => /^[0-9a-f]{32}$/.test(text), 'not 32 hexadecimal digits')

export const name = v.string().chain(text => {
  const valid: VolumeName | undefined = volumeName(text)
  return valid === undefined ? v.err(`"${text}" is not a name for a volume`) : v.ok(valid)
})

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/

/** The engine forgets a volume whose time it cannot read. */
export const time = v.string().assert(text => RFC_3339.test(text) && isReal(text), 'not a time')

/** The thirtieth of February would be taken for a day in March. */
function isReal(text: string): boolean {
  const ms = Date.parse(text)
  return !Number.isNaN(ms) && new Date(ms).toISOString().slice(0, 19) === text.slice(0, 19)
}
