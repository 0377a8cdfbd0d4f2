import { posix } from 'node:path'
import type { Disk } from './disk.ts'

/** Which disks an operator lets Berth take. */
export type Policy = {
  /** Paths, globs and world wide names; empty: none. */
  readonly devices: readonly string[]
  /** Never these, whatever `devices` says. */
  readonly deny: readonly string[]
  readonly allowLoop: boolean
}

const WWN = /^(?:(?:naa\.|eui\.|0x)(?:[0-9a-f]{16}|[0-9a-f]{32})|(?:uuid|nvme)\.[0-9a-f-]+)$/

/**
 * "/dev/nvme*n1, /dev/disk/by-id/ata-*,naa.5000c500a1b2c3d4": commas or spaces between them.
 *
 * @throws {Error} for what would match nothing, or not what it seems to: a deny list that does nothing costs a disk
 */
export function parsePatterns(text: string): string[] {
  if (text.trim() === '') return []
  const items = text.trim().split(/\s*,\s*|\s+/)
  items.forEach(checkPattern)
  return items
}

function checkPattern(item: string): void {
  if (item === '') throw new Error('There is an empty item: two commas in a row, or one at an end')
  if (WWN.test(bareWwn(item))) return
  if (!item.startsWith('/')) {
    throw new Error(
      `"${item}" is neither an absolute path, such as /dev/sdb or /dev/disk/by-id/ata-*, nor a world wide name, such as naa.5000c500a1b2c3d4`,
    )
  }
  const plain = posix.normalize(item)
  if (plain !== item || item.endsWith('/')) {
    throw new Error(`"${item}": write the path without "..", "//" and a "/" at its end`)
  }
  if (/[{}()]/.test(item)) {
    throw new Error(`"${item}": a glob has "*", "?" and "[…]" alone; name several paths instead`)
  }
}

export const isAllowed = ({ devices }: Policy, disk: Disk): boolean => matches(devices, disk)

export const isDenied = ({ deny }: Policy, disk: Disk): boolean => matches(deny, disk)

function matches(patterns: readonly string[], { node, links, identity }: Disk): boolean {
  const paths = [node, ...links]
  return patterns.some(pattern =>
    pattern.startsWith('/')
      ? paths.some(path => path === pattern || posix.matchesGlob(path, pattern))
      : wwnOf(identity.wwid) === wwnOf(pattern),
  )
}

/** As udev names its links: with what the number came by in front. */
const bareWwn = (text: string): string => text.toLowerCase().replace(/^(?:wwn|nvme)-/, '')

/** The number alone: the kernel writes `naa.5000…` and udev `0x5000…` of the same disk. */
const wwnOf = (text: string): string => bareWwn(text.trim()).replace(/^(?:naa\.|eui\.|0x)/, '')
