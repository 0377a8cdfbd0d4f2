/** The options for mkfs.xfs and mount(8) that `-o mkfs=` and `-o mount=` take. What is not here reaches neither. */

type Allowed = {
  readonly name: string
  /** For people, after "must be". */
  readonly values: string
  readonly isValid: (value: string) => boolean
}

type Mkfs = Allowed & {
  /** The group of mkfs.xfs's options, and the name there. */
  readonly flag: '-d' | '-i' | '-m'
  readonly as: string
}

const isBit = (value: string) => value === '0' || value === '1'
const bit = (name: string, flag: Mkfs['flag']): Mkfs => ({
  name,
  values: '0 or 1',
  isValid: isBit,
  flag,
  as: name,
})

/** XFS wants at least two; so many that each is tiny would fail later, when the disk is marked already. */
export const FEWEST_AGS = 2
const MOST_AGS = 1024

const MKFS: readonly Mkfs[] = [
  bit('reflink', '-m'),
  bit('bigtime', '-m'),
  bit('finobt', '-m'),
  bit('rmapbt', '-m'),
  bit('inobtcount', '-m'),
  bit('sparse', '-i'),
  {
    name: 'agcount',
    values: `from ${FEWEST_AGS} to ${MOST_AGS}`,
    isValid: value => isWithin(value, FEWEST_AGS, MOST_AGS),
    flag: '-d',
    as: 'agcount',
  },
  {
    name: 'isize',
    values: '512, 1024 or 2048',
    isValid: value => ['512', '1024', '2048'].includes(value),
    flag: '-i',
    as: 'size',
  },
]

const none = { values: 'given without a value', isValid: (value: string) => value === '' }

const MOUNT: readonly Allowed[] = [
  { name: 'discard', ...none },
  { name: 'lazytime', ...none },
  { name: 'relatime', ...none },
  { name: 'largeio', ...none },
  { name: 'swalloc', ...none },
  { name: 'inode64', ...none },
  { name: 'logbufs', values: 'from 2 to 8', isValid: value => isWithin(value, 2, 8) },
  {
    name: 'logbsize',
    values: '16k, 32k, 64k, 128k or 256k',
    isValid: value => ['16k', '32k', '64k', '128k', '256k'].includes(value),
  },
  {
    name: 'allocsize',
    values: 'a power of two from 4k to 1g, such as 64k',
    isValid: isAllocsize,
  },
]

/**
 * "reflink=0,agcount=8", as arguments for mkfs.xfs in a fixed order.
 *
 * @throws {Error} saying what is allowed
 */
export function parseMkfs(text: string): string[] {
  const given = parseList(text, MKFS)
  if (given.get('finobt') === '0' && given.get('inobtcount') === '1') {
    throw new Error('inobtcount=1 needs finobt=1')
  }
  return MKFS.flatMap(({ name, flag, as }) => {
    const value = given.get(name)
    return value === undefined ? [] : [flag, `${as}=${value}`]
  })
}

/**
 * "discard,logbufs=8", as options for mount(8) in a fixed order.
 *
 * @throws {Error} saying what is allowed
 */
export function parseMount(text: string): string[] {
  const given = parseList(text, MOUNT)
  return MOUNT.flatMap(({ name }) => {
    const value = given.get(name)
    return value === undefined ? [] : [value === '' ? name : `${name}=${value}`]
  })
}

/** What `parseMkfs` or `parseMount` was given to make these. */
export function listText(options: readonly string[]): string {
  return options
    .filter(option => !option.startsWith('-'))
    .map(option => option.replace(/^size=/, 'isize='))
    .join(',')
}

/** How many allocation groups `-o mkfs=` asked for. */
export function agcountOf(mkfs: readonly string[]): number | undefined {
  const given = mkfs.find(option => option.startsWith('agcount='))
  return given === undefined ? undefined : Number(given.slice('agcount='.length))
}

function parseList(text: string, allowed: readonly Allowed[]): Map<string, string> {
  const given = new Map<string, string>()
  for (const item of text.split(',').map(each => each.trim())) {
    const at = item.indexOf('=')
    const name = at === -1 ? item : item.slice(0, at)
    const value = at === -1 ? '' : item.slice(at + 1)
    const known = allowed.find(each => each.name === name)
    if (!known) {
      const names = allowed.map(each => each.name).join(', ')
      throw new Error(`"${item}" is not allowed; there are ${names}`)
    }
    if (!known.isValid(value)) throw new Error(`${name} must be ${known.values}`)
    if (given.has(name)) throw new Error(`${name} is there twice`)
    given.set(name, value)
  }
  return given
}

function isWithin(text: string, least: number, most: number): boolean {
  return /^[1-9]\d{0,8}$/.test(text) && Number(text) >= least && Number(text) <= most
}

function isAllocsize(text: string): boolean {
  const [, count, unit] = /^([1-9]\d{0,6})([kmg])$/.exec(text) ?? []
  if (count === undefined || unit === undefined) return false
  const exponent = Math.log2(Number(count)) + { k: 10, m: 20, g: 30 }[unit as 'k' | 'm' | 'g']
  return Number.isInteger(exponent) && exponent >= 12 && exponent <= 30
}
