import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { randomUUID } from 'node:crypto'
import * as v from '@badrap/valita'
import { Refusal } from '../../shared/refusal.ts'
import { isSystemError } from '../../shared/system-error.ts'
import { entry } from './hand-walk.ts'
import type { Folder, Walk } from './hand-walk.ts'
import { OWN, SENTINEL } from './place.ts'

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
const sentinel = v.object({
  cluster: v.string().assert(id => /^[0-9a-f]{32}$/.test(id), 'not 32 hexadecimal digits'),
})
const LARGEST = 4096

/**
 * @returns the id of the file system; undefined where it was given none
 * @throws {Refusal} `cluster-away` where that cannot be read
 */
export function readSentinel(walk: Walk): string | undefined {
  const own = walk.find([OWN])
  const text = own && readText(walk, own)
  if (text === undefined) return undefined
  try {
    return sentinel.parse(JSON.parse(text)).cluster
  } catch (cause) {
    const path = `${walk.root.path}/${OWN}/${SENTINEL}`
    throw new Refusal(
      'cluster-away',
      `${path} is damaged (${(cause as Error).message}): remove it and run "berth cluster init" with the id that the cluster had`,
      { cause },
    )
  }
}

/** Never replaces one. @returns the id that it has then */
export function writeSentinel(walk: Walk, id: string): string {
  const own = walk.reach([OWN])
  const there = readSentinel(walk)
  if (there !== undefined) return there
  const draft = `.${SENTINEL}.${randomUUID()}`
  const text = `${JSON.stringify({ cluster: id })}\n`
  write(entry(own, draft), text)
  try {
    publish(own, draft, text)
  } finally {
    forget(entry(own, draft))
  }
  walk.flush(own)
  return readSentinel(walk) ?? id
}

/** Whole at once, where the file system knows links; of those who do it at the same time one is the first. */
function publish(own: Folder, draft: string, text: string): void {
  try {
    linkSync(entry(own, draft), entry(own, SENTINEL))
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return
    try {
      write(entry(own, SENTINEL), text)
    } catch (later) {
      if (!isSystemError(later, 'EEXIST')) throw later
    }
  }
}

/** One that stays is in nobody's way. */
function forget(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // It may not have been made.
  }
}

function write(path: string, text: string): void {
  const fd = openSync(path, 'wx', 0o600)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function readText(walk: Walk, own: Folder): string | undefined {
  try {
    const fd = walk.open(entry(own, SENTINEL), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    const found = fstatSync(fd)
    const isPlain = found.isFile() && found.size <= LARGEST && walk.has(fd)
    return isPlain ? readFileSync(fd, 'utf8') : ''
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    if (isSystemError(error, 'ELOOP')) return ''
    throw error
  }
}
