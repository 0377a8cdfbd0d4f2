import { parseDuration } from '../shared/duration.ts'
import { Refusal } from '../shared/refusal.ts'

/** What is given with `-o`, for whichever kind of volume. */
export type Given = Readonly<Record<string, string>>

const MOST_OPTIONS = 64
const LONGEST_OPTION = 4096
/** The one after it means "leave it" to chown(2). */
const HIGHEST_ID = 2 ** 32 - 2
const HIGHEST_MODE = 0o7777
const LONGEST_RETAIN_MS = 36_500 * 86_400_000

/**
 * Reads one option after the other.
 *
 * @param known names those that there are
 * @throws {Refusal} `bad-option` naming the option, what was given, and what `readOption` says against it
 */
export function readOptions<T extends object>(
  given: Given,
  none: T,
  known: string,
  readOption: (name: string, value: string) => Partial<T>,
): T {
  const entries = Object.entries(given)
  if (entries.length > MOST_OPTIONS) {
    throw new Refusal(
      'bad-option',
      `${entries.length} options were given, and ${MOST_OPTIONS} are allowed; there are ${known}`,
    )
  }
  let read = none
  for (const [name, value] of entries) {
    try {
      if (Buffer.byteLength(name + value) > LONGEST_OPTION) {
        throw new Error(`Must be ${LONGEST_OPTION} bytes at most`)
      }
      read = { ...read, ...readOption(name, value) }
    } catch (cause) {
      throw new Refusal(
        'bad-option',
        `Option ${shortened(`${name}=${value}`)}: ${(cause as Error).message}`,
        { cause },
      )
    }
  }
  return read
}

function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

export function parseId(text: string): number {
  const id = Number(text)
  if (!/^\d{1,10}$/.test(text) || id > HIGHEST_ID) {
    throw new Error(`Must be a number from 0 to ${HIGHEST_ID}; names mean nothing outside an image`)
  }
  return id
}

export function parseMode(text: string): number {
  const mode = Number.parseInt(text, 8)
  if (!/^[0-7]{1,5}$/.test(text) || mode > HIGHEST_MODE) {
    throw new Error('Must be octal, from 0 to 7777, such as 0750')
  }
  return mode
}

/** @returns milliseconds */
export function parseRetain(text: string): number {
  const ms = parseDuration(text)
  if (ms > LONGEST_RETAIN_MS) throw new Error('Must be 36500d at most')
  return ms
}

/** Whether both, written out, are the same, in whatever order. */
export function sameTexts(a: Given, b: Given): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

const sorted = (record: Given) => Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1))

/** Those that were asked for. */
export function written(
  texts: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const asked = Object.entries(texts).flatMap(([name, text]) => (text ? [[name, text]] : []))
  return Object.fromEntries(asked)
}

/** What every kind of volume may be asked for, as `-o` takes it. */
export function commonTexts({ uid, gid, mode, retainMs }: Common) {
  return {
    uid: uid === undefined ? undefined : String(uid),
    gid: gid === undefined ? undefined : String(gid),
    mode: mode === undefined ? undefined : mode.toString(8).padStart(4, '0'),
    retain: retainMs === undefined ? undefined : durationText(retainMs),
  }
}

type Common = Readonly<Record<'uid' | 'gid' | 'mode' | 'retainMs', number | undefined>>

function durationText(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const
  const [unit, size] = units.find(([, each]) => ms % each === 0) ?? ['ms', 1]
  return ms === 0 ? '0' : `${ms / size}${unit}`
}
