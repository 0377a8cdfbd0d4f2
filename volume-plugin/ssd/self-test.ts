import { randomUUID } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command, words } from '../command.ts'
import type { Ended } from '../command.ts'

const DEADLINE_MS = 10_000
/** mkfs.xfs makes none below 300 MiB; the file is sparse. */
const SIZE = 512 * 1024 * 1024
const NEEDED = ['mount', 'umount', 'flock', 'blkdiscard', 'blockdev', 'blkid', 'wipefs']

/**
 * Whether the tools do what claiming stands on, shown on a small file: that of a blank disk nothing is said, and that a
 * file system is seen, and not made over. Versions differ, and images miss things.
 *
 * @param path where tools are looked for
 * @returns why no disk may be claimed, or undefined
 */
export async function selfTest(path?: string): Promise<string | undefined> {
  const run = async (tool: string, ...args: string[]) =>
    await command(tool, args, { deadlineMs: DEADLINE_MS, ...(path === undefined ? {} : { path }) })
  try {
    for (const tool of NEEDED) expect(await run(tool, '--version'), 0, `${tool} --version`)
    expect(await run('mkfs.xfs', '-V'), 0, 'mkfs.xfs -V')
    const folder = await mkdtemp(join(tmpdir(), 'berth-self-test-'))
    try {
      await tryOn(await blankFile(folder), run)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
    return undefined
  } catch (error) {
    return `The tools for disks failed their self-test: ${(error as Error).message}`
  }
}

async function tryOn(
  file: string,
  run: (tool: string, ...args: string[]) => Promise<Ended>,
): Promise<void> {
  expect(await run('blkid', '-p', '-o', 'export', file), 2, 'blkid of a blank file')
  const blank = expect(await run('wipefs', '--no-act', '--json', file), 0, 'wipefs of a blank file')
  if (blank.includes('"type"')) throw new Error(`wipefs finds something on a blank file: ${blank}`)
  const uuid = randomUUID()
  const made = [
    '-q',
    '-K',
    '-m',
    `uuid=${uuid}`,
    '-m',
    'crc=1',
    '-m',
    'reflink=1',
    '-L',
    'berth-test',
  ]
  expect(await run('mkfs.xfs', ...made, file), 0, 'mkfs.xfs')
  const seen = expect(await run('blkid', '-p', '-o', 'export', file), 0, 'blkid of XFS')
  if (!seen.includes('TYPE=xfs') || !seen.includes(uuid)) {
    throw new Error(`blkid does not see XFS with its UUID: ${seen}`)
  }
  const listed = expect(await run('wipefs', '--no-act', '--json', file), 0, 'wipefs of XFS')
  if (!listed.includes('"xfs"')) throw new Error(`wipefs does not see XFS: ${listed}`)
  expect(await run('mkfs.xfs', '-q', '-K', file), 1, 'mkfs.xfs over XFS, unforced,')
}

async function blankFile(folder: string): Promise<string> {
  const file = join(folder, 'disk')
  await using handle = await open(file, 'wx', 0o600)
  await handle.truncate(SIZE)
  return file
}

function expect(ended: Ended, code: number, what: string): string {
  if (ended.code === code) return ended.stdout
  throw new Error(`${what} ended with ${ended.code}, not ${code}: ${words(ended)}`)
}
