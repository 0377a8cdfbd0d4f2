const GAP = '  '
const NOTHING = '-'

/** Rows below their headings, in columns; a cell that is empty shows as `-`. Ends with a newline. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly (string | undefined)[])[],
): string {
  const lines = [headings, ...rows].map(line => line.map(cell => cell || NOTHING))
  const widths = headings.map((_, column) =>
    lines.reduce((widest, line) => Math.max(widest, widthOf(line[column] ?? '')), 0),
  )
  return lines
    .map(line => line.map((cell, column) => pad(cell, widths[column] ?? 0)).join(GAP))
    .map(line => `${line.trimEnd()}\n`)
    .join('')
}

const pad = (cell: string, width: number): string => cell + ' '.repeat(width - widthOf(cell))
const widthOf = (cell: string): number => Array.from(cell).length
