import type { Mounted } from './mounts.ts'

/** A line of `/proc/self/mountinfo`. */
export type MountLine = Mounted & {
  /** What was mounted, as it was named then: some file systems have a device number that is no disk's. */
  readonly source: string
}

/** In the order in which they were mounted; what a later one on the same mount point hides is not among them. */
export function parseMountinfo(text: string): readonly MountLine[] {
  const shown = new Map<string, MountLine>()
  for (const line of text.split('\n').filter(each => each !== '')) {
    const fields = line.split(' ')
    const [, , device = '', , at = '', options = ''] = fields
    const [type = '', source = '', superOptions = ''] = fields.slice(fields.indexOf('-') + 1)
    const isReadOnly = [options, superOptions].some(each => each.split(',').includes('ro'))
    const path = unescapeOctal(at)
    shown.delete(path)
    shown.set(path, { at: path, device, type, isReadOnly, source: unescapeOctal(source) })
  }
  return [...shown.values()]
}

/** The paths of `/proc/swaps`. */
export function parseSwaps(text: string): readonly string[] {
  const [, ...lines] = text.split('\n')
  return lines
    .map(line => line.split(/\s+/)[0] ?? '')
    .filter(each => each !== '')
    .map(unescapeOctal)
}

/** The kernel writes a space as `\040`. Bytes, since a path need not be of ASCII alone. */
function unescapeOctal(text: string): string {
  const bytes = Buffer.from(text)
  const plain: number[] = []
  for (let at = 0; at < bytes.length; at++) {
    const octal = /^\\([0-7]{3})/.exec(bytes.toString('latin1', at, at + 4))?.[1]
    if (octal !== undefined) at += 3
    plain.push(octal === undefined ? (bytes[at] ?? 0) : Number.parseInt(octal, 8))
  }
  return Buffer.from(plain).toString()
}
