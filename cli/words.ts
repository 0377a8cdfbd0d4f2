/** How times and amounts read. */

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const

/** "40 s", "3 min", "5 h" or "2 d": the largest unit alone, rounded down. */
export function duration(ms: number): string {
  const [unit, size] = UNITS.find(([, each]) => ms >= each) ?? ['s', 1000]
  return `${Math.floor(ms / size)} ${unit}`
}

/** "3 min ago". What lies in the future, by another host's clock, is "just now". */
export function ago(iso: string, now: number): string {
  const ms = now - Date.parse(iso)
  if (Number.isNaN(ms)) return iso
  return ms < 1000 ? 'just now' : `${duration(ms)} ago`
}

/** As `--ipam-opt berth.cooldown` takes it, without loss: "60s", "1500ms", "24h". */
export function exactDuration(ms: number): string {
  const units = [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const
  const [unit, size] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ['ms', 1]
  return ms === 0 ? '0' : `${ms / size}${unit}`
}

/** "1 address", "2 addresses". */
export function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`
}

/** The first of a list that may be long. */
export function some(list: readonly string[], atMost = 3): string {
  const more = list.length - atMost
  return [...list.slice(0, atMost), ...(more > 0 ? [`+${more} more`] : [])].join(', ')
}

/** "512 B", "300.0 MiB" or "1.8 TiB", rounded down: a size that is asked for must fit. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  const power = units.findLastIndex((_, each) => bytes >= 1024 ** each)
  if (power < 1) return `${bytes} B`
  return `${(Math.floor((bytes / 1024 ** power) * 10) / 10).toFixed(1)} ${units[power]}`
}

/** As `size`, and without loss. */
export function exactSize(bytes: number): string {
  return `${size(bytes)} (${bytes} bytes)`
}
