const UNITS = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const
const DECIMAL = { K: 1e3, M: 1e6, G: 1e9, T: 1e12 } as const

/**
 * "400GiB", "300MiB", or a number of bytes; whole and more than 0. Decimal units are refused: whoever writes 400GB may
 * mean either.
 *
 * @throws {Error} saying what to write
 */
export function parseSize(text: string): number {
  const [, count, unit] = /^(\d+)(KiB|MiB|GiB|TiB)?$/.exec(text) ?? []
  if (count === undefined) throw new Error(advice(text))
  const bytes = Number(count) * (unit === undefined ? 1 : UNITS[unit as keyof typeof UNITS])
  if (bytes === 0) throw new Error('Must be more than 0')
  if (!Number.isSafeInteger(bytes)) throw new Error('Must be less than 8192TiB')
  return bytes
}

function advice(text: string): string {
  const [, count, letter] = /^(\d+)([KMGT])(?:I?B)?$/i.exec(text) ?? []
  if (count === undefined || letter === undefined) {
    return 'Must be a whole number of KiB, MiB, GiB or TiB, such as 400GiB, or of bytes'
  }
  const unit = letter.toUpperCase() as keyof typeof DECIMAL
  const binary = Number(count) * UNITS[`${unit}iB`]
  const decimal = Number(count) * DECIMAL[unit]
  if (!Number.isSafeInteger(binary)) return 'Must be less than 8192TiB'
  return `Must be in KiB, MiB, GiB or TiB: write ${Number(count)}${unit}iB for ${sizeText(binary)}, or ${decimal} for ${sizeText(decimal)}`
}

/** "372.5 GiB (400.0 GB)": both units, since disks are sold in one and asked for in the other. */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`
  return `${inUnits(bytes, 1024, ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'])} (${inUnits(bytes, 1000, ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'])})`
}

function inUnits(bytes: number, step: number, units: readonly string[]): string {
  let power = 0
  while (power < units.length - 1 && bytes >= step ** (power + 1)) power += 1
  const digits = power === 0 ? 0 : 1
  return `${(bytes / step ** power).toFixed(digits)} ${units[power]}`
}
