import { FLOOR } from './allocation.ts'
import type { Ratios } from './allocation.ts'
import type { Memory } from './memory.ts'

const WANTED = { ratio: 1.3, startMs: 300, mib: 40 }

export function allocationTable(rows: readonly Ratios[]): string {
  const head = ['allocation', 'in flight', 'floor p50', 'p50', 'p99', 'throughput', 'p50 wanted']
  return table([
    head,
    ...rows.map(({ name, inFlight, floorMs, p50, p99, throughput }) => [
      name,
      String(inFlight),
      `${floorMs.toFixed(2)} ms`,
      times(p50),
      times(p99),
      times(throughput),
      name === FLOOR ? '' : verdict(p50, WANTED.ratio, times),
    ]),
  ])
}

export function startTable(shipped: number, uncached: number): string {
  const ms = (value: number) => `${value.toFixed(0)} ms`
  return table([
    ['start to first accepted connection', 'median', 'wanted'],
    ['as in the image', ms(shipped), verdict(shipped, WANTED.startMs, ms)],
    ['without flags and compile cache', ms(uncached), verdict(uncached, WANTED.startMs, ms)],
  ])
}

/** Compared is `Anonymous`: what no file backs, so that the kernel cannot drop it, and no other process shares. */
export function memoryTable({ empty, full }: { empty: Memory; full: Memory }): string {
  const mib = (value: number) => `${value.toFixed(1)} MiB`
  const lines = Object.keys(full) as (keyof Memory)[]
  return table([
    ['memory', 'empty', '65,000 held', 'wanted'],
    ...lines.map(line => [
      line,
      mib(empty[line]),
      mib(full[line]),
      line === 'Anonymous' ? verdict(full[line], WANTED.mib, mib) : '',
    ]),
  ])
}

const times = (value: number): string => `${value.toFixed(2)} x`

function verdict(value: number, wanted: number, show: (value: number) => string): string {
  return `${value <= wanted ? 'ok' : 'OVER'}: at most ${show(wanted)}`
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  return rows
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
