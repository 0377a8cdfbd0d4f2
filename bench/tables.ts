import { FLOOR, PROTOCOL } from './allocation.ts'
import type { Row } from './allocation.ts'
import type { FleetRow } from './fleet.ts'
import type { Ledger } from './ledger.ts'
import type { Memory } from './memory.ts'

const WANTED = { startMs: 300, mib: 40 }

export function allocationTable(title: string, rows: readonly Row[], wanted: number): string {
  const head = [title, 'in flight', 'floor p50', 'p50', 'p99', 'throughput', 'p50 wanted']
  return table([
    head,
    ...rows.map(({ name, inFlight, floorMs, p50, p99, throughput }) => [
      name,
      String(inFlight),
      `${floorMs.toFixed(2)} ms`,
      times(p50),
      times(p99),
      times(throughput),
      name === FLOOR || name === PROTOCOL ? '' : verdict(p50, wanted, times),
    ]),
  ])
}

/** Throughput and p50 also as multiples of as many floor processes, in the same moments. */
export function fleetTable(rows: readonly FleetRow[]): string {
  const head = ['on one /16', 'instances', 'per second', 'of floor', 'p50', 'of floor']
  return table([
    [...head, 'proposals each', 'lost a race', 'errors', 'twice', 'wanted'],
    ...rows.map(row => [
      row.name,
      String(row.instances),
      row.perSecond.toFixed(row.perSecond < 10 ? 1 : 0),
      times(row.throughput),
      `${row.p50Ms.toFixed(1)} ms`,
      times(row.p50),
      row.proposals.toFixed(3),
      row.retried === undefined ? '' : `${(row.retried * 100).toFixed(0)} %`,
      String(row.ledger.errors),
      String(row.ledger.duplicates),
      wantedOf(row),
    ]),
  ])
}

/** All that was answered, whether it was measured or not. */
export function ledgerLine(ledgers: readonly Ledger[]): string {
  const sum = (of: (ledger: Ledger) => number) => ledgers.reduce((all, one) => all + of(one), 0)
  const counts = `${sum(({ answers }) => answers)} addresses given: ${sum(({ errors }) => errors)} errors, ${sum(({ duplicates }) => duplicates)} given twice`
  return [counts, ...ledgers.flatMap(({ faults }) => faults.slice(0, 5))].join('\n  ')
}

function wantedOf({ proposals, throughput, wanted }: FleetRow): string {
  if (!wanted) return ''
  const each = verdict(proposals, wanted.proposals, value => `${value.toFixed(2)} proposals`)
  if (wanted.throughput === undefined) return each
  const enough = throughput >= wanted.throughput ? 'ok' : 'UNDER'
  return `${each}; ${enough}: at least ${times(wanted.throughput)} of floor`
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

export const times = (value: number): string => `${value.toFixed(2)} x`

export function verdict(value: number, wanted: number, show: (value: number) => string): string {
  return `${value <= wanted ? 'ok' : 'OVER'}: at most ${show(wanted)}`
}

export function table(rows: readonly (readonly string[])[]): string {
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
