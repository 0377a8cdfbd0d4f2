/** A line of `/proc/self/mountinfo` (proc(5)). */
export type MountLine = {
  /** Of this mount, while it is there: what `mnt_id` in `/proc/self/fdinfo` says of an open file. */
  readonly id: number
  /** `259:0`. */
  readonly device: string
  /** What of the file system is mounted: `/`, or a folder of it. */
  readonly root: string
  readonly at: string
  readonly isReadOnly: boolean
  /** What is mounted later below its origin on the host arrives here too: `shared:N` or `master:N`. */
  readonly propagation: readonly string[]
  readonly type: string
  /** What was mounted, as it was named then: some file systems have a device number that is no disk's. */
  readonly source: string
}

/** In the order in which they were mounted; what a later one on the same mount point hides is not among them. */
export function parseMountinfo(text: string): readonly MountLine[] {
  const shown = new Map<string, MountLine>()
  for (const line of text.split('\n').filter(each => each !== '')) {
    const fields = line.split(' ')
    const [id, , device = '', root = '', at = '', options = ''] = fields
    const dash = fields.indexOf('-')
    const [type = '', source = '', superOptions = ''] = fields.slice(dash + 1)
    const isReadOnly = [options, superOptions].some(each => each.split(',').includes('ro'))
    const path = unescapeOctal(at)
    shown.delete(path)
    shown.set(path, {
      id: Number(id),
      device,
      root: unescapeOctal(root),
      at: path,
      isReadOnly,
      propagation: fields.slice(6, dash),
      type,
      source: unescapeOctal(source),
    })
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
