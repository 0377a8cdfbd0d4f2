import * as v from '@badrap/valita'
import {
  commonTexts,
  parseId,
  parseMode,
  parseRetain,
  readOptions,
  sameTexts,
  written,
} from '../option-values.ts'
import type { Given } from '../option-values.ts'
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
export function readSsdOptions(given: Given): SsdOptions {
  return readOptions(given, NONE, KNOWN, readOption)
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

/** Whether both ask for the same, in whatever order or units it was written. */
export function sameOptions(a: SsdOptions, b: SsdOptions): boolean {
  return sameTexts(optionsText(a), optionsText(b))
}

/** What was asked, as `-o` takes it, without loss. */
export function optionsText(options: SsdOptions): Record<string, string> {
  const { size, require, mkfs, mount } = options
  const labels = Object.entries(require).map(([name, value]) => `${name}=${value}`)
  return written({
    size: size === undefined ? undefined : binary(size),
    require: labels.toSorted().join(','),
    mkfs: listText(mkfs),
    mount: listText(mount),
    ...commonTexts(options),
  })
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
