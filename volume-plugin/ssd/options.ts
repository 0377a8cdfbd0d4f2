import * as v from '@badrap/valita'
import { parseDuration } from '../../shared/duration.ts'
import { Refusal } from '../../shared/refusal.ts'
import { checkLabel } from './disk-labels.ts'
import { listText, parseMkfs, parseMount } from './option-lists.ts'
import { parseSize } from './sizes.ts'

/** What a volume was asked to be, read from `-o`. */
export type SsdOptions = {
  /** At least, in bytes; the smallest disk that fits is taken. Undefined: any. */
  readonly size: number | undefined
  /** Labels that the disk must carry. */
  readonly require: Readonly<Record<string, string>>
  /** Arguments for mkfs.xfs, in a fixed order. */
  readonly mkfs: readonly string[]
  /** Options for mount(8), in a fixed order, beside those that every volume has. */
  readonly mount: readonly string[]
  /** Of the volume's root; undefined leaves what is there, and lets the engine copy what the image has. */
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly mode: number | undefined
  /** How long the data is kept after the volume was removed; undefined: RETAIN. */
  readonly retainMs: number | undefined
}

const MOST_OPTIONS = 64
const LONGEST_OPTION = 4096
/** The one after it means "leave it" to chown(2). */
const HIGHEST_ID = 2 ** 32 - 2
const HIGHEST_MODE = 0o7777
const LONGEST_RETAIN_MS = 36_500 * 86_400_000
const KNOWN = 'size, require, mkfs, mount, uid, gid, mode, retain and fs'

const NONE: SsdOptions = {
  size: undefined,
  require: {},
  mkfs: [],
  mount: [],
  uid: undefined,
  gid: undefined,
  mode: undefined,
  retainMs: undefined,
}

/** @throws {Refusal} `bad-option` naming the option, what was given, and what is allowed */
export function readSsdOptions(given: Readonly<Record<string, string>>): SsdOptions {
  const entries = Object.entries(given)
  if (entries.length > MOST_OPTIONS) {
    throw new Refusal(
      'bad-option',
      `${entries.length} options were given, and ${MOST_OPTIONS} are allowed; there are ${KNOWN}`,
    )
  }
  let read = NONE
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

function readOption(name: string, value: string): Partial<SsdOptions> {
  switch (name) {
    case 'size':
      return { size: parseSize(value) }
    case 'require':
      return { require: parseRequire(value) }
    case 'mkfs':
      return { mkfs: parseMkfs(value) }
    case 'mount':
      return { mount: parseMount(value) }
    case 'uid':
      return { uid: parseId(value) }
    case 'gid':
      return { gid: parseId(value) }
    case 'mode':
      return { mode: parseMode(value) }
    case 'retain':
      return { retainMs: parseRetain(value) }
    case 'fs':
      return requireXfs(value)
    default:
      throw new Error(`There is no such option; there are ${KNOWN}`)
  }
}

function parseRequire(text: string): Record<string, string> {
  const labels = new Map<string, string>()
  for (const item of text.split(',')) {
    const [, name, value] = /^\s*([^=]*)=(.*?)\s*$/s.exec(item) ?? []
    if (name === undefined || value === undefined) {
      throw new Error(`"${item}" is not a label and its value, such as class=nvme`)
    }
    checkLabel(name, value)
    if (labels.has(name)) throw new Error(`The label ${name} is there twice`)
    labels.set(name, value)
  }
  return Object.fromEntries(labels)
}

function parseId(text: string): number {
  const id = Number(text)
  if (!/^\d{1,10}$/.test(text) || id > HIGHEST_ID) {
    throw new Error(`Must be a number from 0 to ${HIGHEST_ID}; names mean nothing outside an image`)
  }
  return id
}

function parseMode(text: string): number {
  const mode = Number.parseInt(text, 8)
  if (!/^[0-7]{1,5}$/.test(text) || mode > HIGHEST_MODE) {
    throw new Error('Must be octal, from 0 to 7777, such as 0750')
  }
  return mode
}

function parseRetain(text: string): number {
  const ms = parseDuration(text)
  if (ms > LONGEST_RETAIN_MS) throw new Error('Must be 36500d at most')
  return ms
}

/** Asking for what is always had changes nothing. */
function requireXfs(text: string): Partial<SsdOptions> {
  if (text === 'xfs') return {}
  if (text === 'ext4' || text === 'ext3' || text === 'ext2') {
    throw new Error(
      `Volumes are XFS alone: mkfs.${text} overwrites whatever it finds, and Berth's mark with it, so that a crash could cost data; leave it out`,
    )
  }
  throw new Error('Volumes are XFS alone; leave it out')
}

function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

/** Whether both ask for the same, in whatever order or units it was written. */
export function sameOptions(a: SsdOptions, b: SsdOptions): boolean {
  return JSON.stringify(sorted(optionsText(a))) === JSON.stringify(sorted(optionsText(b)))
}

const sorted = (record: Readonly<Record<string, string>>) =>
  Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1))

/** What was asked, as `-o` takes it, without loss. */
export function optionsText(options: SsdOptions): Record<string, string> {
  const { size, require, mkfs, mount, uid, gid, mode, retainMs } = options
  const labels = Object.entries(require).map(([name, value]) => `${name}=${value}`)
  const texts = {
    size: size === undefined ? '' : binary(size),
    require: labels.toSorted().join(','),
    mkfs: listText(mkfs),
    mount: listText(mount),
    uid: uid === undefined ? '' : String(uid),
    gid: gid === undefined ? '' : String(gid),
    mode: mode === undefined ? '' : mode.toString(8).padStart(4, '0'),
    retain: retainMs === undefined ? '' : duration(retainMs),
  }
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ''))
}

function binary(bytes: number): string {
  const units = [
    ['TiB', 2 ** 40],
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const
  const [unit, size] = units.find(([, each]) => bytes % each === 0) ?? ['', 1]
  return `${bytes / size}${unit}`
}

function duration(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const
  const [unit, size] = units.find(([, each]) => ms % each === 0) ?? ['ms', 1]
  return ms === 0 ? '0' : `${ms / size}${unit}`
}

const stored = v.object({
  size: v.number().optional(),
  require: v.record(v.string()),
  mkfs: v.array(v.string()),
  mount: v.array(v.string()),
  uid: v.number().optional(),
  gid: v.number().optional(),
  mode: v.number().optional(),
  retainMs: v.number().optional(),
})

/**
 * From a record: what `JSON.stringify` made of options, which leaves out the undefined.
 *
 * @throws {Error} for anything else, also for a member that this version does not know
 */
export function decodeSsdOptions(value: unknown): SsdOptions {
  return { ...NONE, ...stored.parse(value) }
}
