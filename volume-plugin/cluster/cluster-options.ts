import * as v from '@badrap/valita'
import { Refusal } from '../../shared/refusal.ts'
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
import { volumeName } from '../volume-name.ts'
import { parsePath, pathOf } from './place.ts'
import type { Place } from './place.ts'

/** What a volume was asked to be, read from `-o`. */
export type ClusterOptions = {
  /** Whether one host at a time may have it mounted. */
  readonly access: 'shared' | 'exclusive'
  /** A folder that is there already and stays where it is, also when the volume is removed; undefined: Berth makes one. */
  readonly path: Place | undefined
  /** The application whose logs it is for: each host has a folder of its own in it. */
  readonly app: string | undefined
  /** Of a folder that Berth makes. */
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly mode: number | undefined
  /** How long the data is kept after the volume was removed; undefined: RETAIN. */
  readonly retainMs: number | undefined
}

const KNOWN = 'access, path, uid, gid, mode, kind, app and retain'

const NONE: ClusterOptions = {
  access: 'shared',
  path: undefined,
  app: undefined,
  uid: undefined,
  gid: undefined,
  mode: undefined,
  retainMs: undefined,
}

/** With what is asked in two options. */
type Reading = ClusterOptions & { readonly kind: 'log' | undefined }

/** @throws {Refusal} `bad-option` naming the option, what was given, and what is allowed */
export function readClusterOptions(given: Given): ClusterOptions {
  const none: Reading = { ...NONE, kind: undefined }
  const { kind, ...options } = readOptions(given, none, KNOWN, readOption)
  const fault = contradiction(options, kind)
  if (fault !== undefined) throw new Refusal('bad-option', fault)
  return options
}

function readOption(name: string, value: string): Partial<Reading> {
  switch (name) {
    case 'access':
      return { access: parseAccess(value) }
    case 'path':
      return { path: parsePath(value) }
    case 'uid':
      return { uid: parseId(value) }
    case 'gid':
      return { gid: parseId(value) }
    case 'mode':
      return { mode: parseMode(value) }
    case 'kind':
      return { kind: parseKind(value) }
    case 'app':
      return { app: parseApp(value) }
    case 'retain':
      return { retainMs: parseRetain(value) }
    case 'size':
      throw new Error(
        'A folder of a cluster file system has no size of its own; leave it out, and set a quota with the means of the file system, such as setfattr -n ceph.quota.max_bytes, or gluster volume quota',
      )
    default:
      throw new Error(`There is no such option; there are ${KNOWN}`)
  }
}

function parseAccess(text: string): ClusterOptions['access'] {
  if (text === 'shared' || text === 'exclusive') return text
  throw new Error('Must be shared, or exclusive for one host at a time')
}

function parseKind(text: string): 'log' {
  if (text === 'log') return text
  throw new Error('Must be log, with app=NAME; leave it out for any other volume')
}

function parseApp(text: string): string {
  const name = volumeName(text)
  if (name !== undefined) return name
  throw new Error(
    'Must be 1 to 128 letters, digits, ".", "_" and "-", beginning with a letter or a digit',
  )
}

function contradiction(
  { path, app, uid, gid, mode }: ClusterOptions,
  kind: 'log' | undefined,
): string | undefined {
  if (kind === 'log' && app === undefined) {
    return 'Option kind=log: Needs app=NAME, the application whose logs they are'
  }
  if (app !== undefined && kind === undefined) {
    return `Option app=${app}: Needs kind=log; leave it out for any other volume`
  }
  const idle = Object.entries({ uid, gid, mode, kind }).find(([, value]) => value !== undefined)
  if (path === undefined || idle === undefined) return undefined
  return `Option ${idle[0]}: Cannot be with path=${pathOf(path)}, since that folder is taken as it is; leave one of them out`
}

/** Whether both ask for the same, in whatever order or units it was written. */
export function sameClusterOptions(a: ClusterOptions, b: ClusterOptions): boolean {
  return sameTexts(clusterOptionsText(a), clusterOptionsText(b))
}

/** What was asked, as `-o` takes it, without loss. */
export function clusterOptionsText(options: ClusterOptions): Record<string, string> {
  const { access, path, app } = options
  return written({
    access: access === NONE.access ? undefined : access,
    path: path && pathOf(path),
    kind: app === undefined ? undefined : 'log',
    app,
    ...commonTexts(options),
  })
}

const isNumber = (most: number) => (value: number) =>
  Number.isSafeInteger(value) && value >= 0 && value <= most
const id = v.number().assert(isNumber(2 ** 32 - 2), 'not an id')

/** Leads to a folder: whoever wrote it, it must not lead out of CLUSTER_ROOT. */
const place = v.array(v.string()).chain(names => {
  try {
    return v.ok(parsePath(pathOf(names)))
  } catch (error) {
    return v.err((error as Error).message)
  }
})
const app = v.string().assert(text => volumeName(text) !== undefined, 'not a name')

const stored = v.object({
  access: v.union(v.literal('shared'), v.literal('exclusive')),
  path: place.optional(() => undefined),
  app: app.optional(() => undefined),
  uid: id.optional(() => undefined),
  gid: id.optional(() => undefined),
  mode: v
    .number()
    .assert(isNumber(0o7777), 'not a mode')
    .optional(() => undefined),
  retainMs: v
    .number()
    .assert(isNumber(Number.MAX_SAFE_INTEGER), 'not a time')
    .optional(() => undefined),
})

/**
 * From a record: what `JSON.stringify` made of options, which leaves out the undefined.
 *
 * @throws {Error} for anything else, also for a member that this version does not know
 */
export function decodeClusterOptions(value: unknown): ClusterOptions {
  return stored.parse(value)
}
