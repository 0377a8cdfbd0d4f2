import { parseDuration } from '../shared/duration.ts'
import { Refusal } from '../shared/refusal.ts'
import { parseExclusion } from './exclusions.ts'
import { parseSegment } from './pool-id.ts'

/** What `--ipam-opt berth.*` asked for; undefined where it was not named. */
export type PoolOptions = {
  readonly segment: string
  readonly exclude: readonly string[]
  readonly cooldownMs: number | undefined
}

export const DEFAULT_SEGMENT = 'default'
export const DEFAULT_COOLDOWN_MS = 60_000
const LONGEST_COOLDOWN_MS = 30 * 86_400_000
/** They are read with each window of the pool. */
const MOST_EXCLUSIONS = 100
const PREFIX = 'berth.'

/**
 * Options of others (`k=v` without our prefix) are theirs to read.
 *
 * @throws {Refusal} naming the option that is unknown, malformed, or of a later version
 */
export function parseOptions(options: Readonly<Record<string, string>>): PoolOptions {
  let parsed: PoolOptions = { segment: DEFAULT_SEGMENT, exclude: [], cooldownMs: undefined }
  for (const [name, value] of Object.entries(options)) {
    if (!name.startsWith(PREFIX)) continue
    try {
      parsed = { ...parsed, ...parseOption(name, value) }
    } catch (cause) {
      throw new Refusal('bad-option', `Option ${name}=${value}: ${(cause as Error).message}`, {
        cause,
      })
    }
  }
  return parsed
}

function parseOption(name: string, value: string): Partial<PoolOptions> {
  switch (name) {
    case 'berth.segment':
      return { segment: parseSegment(value) }
    case 'berth.exclude':
      return { exclude: parseExclusions(value) }
    case 'berth.cooldown':
      return { cooldownMs: parseCooldown(value) }
    case 'berth.owner':
    case 'berth.sticky':
      throw new Error('This version of Berth does not keep addresses for owners yet; leave it out')
    default:
      throw new Error(
        'There is no such option; there are berth.segment, berth.exclude and berth.cooldown',
      )
  }
}

function parseCooldown(value: string): number {
  const ms = parseDuration(value)
  if (ms > LONGEST_COOLDOWN_MS) throw new Error('Must be 30d at most')
  return ms
}

function parseExclusions(value: string): string[] {
  const items = value
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '')
  if (items.length > MOST_EXCLUSIONS) {
    throw new Error(
      `There are ${items.length} items, and ${MOST_EXCLUSIONS} are allowed; use ranges or CIDRs`,
    )
  }
  items.forEach(parseExclusion)
  return items
}
