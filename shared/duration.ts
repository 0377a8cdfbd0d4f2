const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * "90s", "10m", "24h", "7d", "250ms" or "0", in milliseconds.
 *
 * @throws {Error} saying which forms there are
 */
export function parseDuration(text: string): number {
  if (text === '0') return 0
  const [, count, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? []
  if (!count || !unit) throw new Error('Must be a number and a unit, such as 60s, 10m, 24h or 7d')
  return Number(count) * UNITS[unit as keyof typeof UNITS]
}
