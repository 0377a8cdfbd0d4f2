import { FEW, MANY } from './disk-calls.ts'
import type { CallRow } from './disk-calls.ts'
import type { MakingRow, MountRow } from './disk-making.ts'
import type { WritingRow } from './disk-writing.ts'
import type { Spread } from './pairs.ts'
import { table, times, verdict } from './tables.ts'

const WANTED_COUNTS = 2
const WANTED_WRITING = 0.97
const HALF = 'half of all rounds'

const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`
const range = ({ low, high }: Spread): string => `${low.toFixed(2)} to ${high.toFixed(2)}`

export function makingTable(rows: readonly MakingRow[]): string {
  const head = ['disk', 'mkfs.xfs -K, mount, umount', 'Create', 'against them', HALF]
  return table([
    [...head, 'content scan', 'of Create'],
    ...rows.map(({ size, floorMs, createMs, ratio, scanMs, scanPart }) => [
      size,
      ms(floorMs),
      ms(createMs),
      times(ratio.middle),
      range(ratio),
      ms(scanMs),
      `${(scanPart.middle * 100).toFixed(0)} %`,
    ]),
  ])
}

export function mountingTable(rows: readonly MountRow[]): string {
  return table([
    ['file system of 1 GiB', 'floor', 'plugin', 'against it', HALF],
    ...rows.map(({ name, floorMs, pluginMs, ratio }) => [
      name,
      ms(floorMs),
      ms(pluginMs),
      times(ratio.middle),
      range(ratio),
    ]),
  ])
}

export function callsTable(rows: readonly CallRow[]): string {
  return table([
    ['answered from memory', 'floor p50', 'p50', 'p99', 'throughput'],
    ...rows.map(({ name, floorMs, p50, p99, throughput }) => [
      name,
      `${floorMs.toFixed(3)} ms`,
      times(p50),
      times(p99),
      times(throughput),
    ]),
  ])
}

export function countsTable(rows: readonly CallRow[]): string {
  return table([
    [
      `${MANY} volumes against ${FEW}`,
      `p50 of ${FEW}`,
      'p50',
      `p99 of ${FEW}`,
      'p99',
      'p99 wanted',
    ],
    ...rows.map(({ name, floorMs, floorP99Ms, p50, p99 }) => [
      name,
      `${floorMs.toFixed(3)} ms`,
      times(p50),
      `${floorP99Ms.toFixed(3)} ms`,
      times(p99),
      verdict(p99, WANTED_COUNTS, times),
    ]),
  ])
}

/** A machine on which the same differs by more than what is allowed tells nothing. */
function writingVerdict(volume: Spread, again: Spread): string {
  const noise = Math.abs(again.middle - 1)
  if (noise > 1 - WANTED_WRITING) return 'unknown: the machine is too busy'
  return `${volume.middle >= WANTED_WRITING ? 'ok' : 'UNDER'}: at least ${times(WANTED_WRITING)}`
}

export function writingTable(rows: readonly WritingRow[]): string {
  const head = ['fio in a container', 'mounted by hand', 'in its volume', HALF, 'best of each']
  return table([
    [...head, 'by hand again', HALF, 'best of each', 'wanted'],
    ...rows.map(({ name, byHand, volume, again, best, bestAgain }) => [
      name,
      `${(byHand / 2 ** 20).toFixed(1)} MiB/s`,
      times(volume.middle),
      range(volume),
      times(best),
      times(again.middle),
      range(again),
      times(bestAgain),
      writingVerdict(volume, again),
    ]),
  ])
}
