import * as v from '@badrap/valita'
import { command, words } from '../command.ts'

const DEADLINE_MS = 60_000
/** blkid's exit codes. */
const FOUND = 0
const NOTHING = 2
const SEVERAL = 8

const listed = v.object({ signatures: v.array(v.object({ type: v.string() })) })

/**
 * What two tools find on a disk. blkid says "nothing" also of a disk that it cannot read: that it can be read is for the
 * caller to know.
 *
 * @throws {Error} where a tool does not tell
 */
export async function findSignatures(node: string): Promise<readonly string[]> {
  return [...new Set([...(await askBlkid(node)), ...(await askWipefs(node))])]
}

async function askBlkid(node: string): Promise<readonly string[]> {
  const ended = await command('blkid', ['-p', '-o', 'export', node], { deadlineMs: DEADLINE_MS })
  switch (ended.code) {
    case NOTHING:
      return []
    case SEVERAL:
      return ['several signatures']
    case FOUND: {
      const found = Array.from(
        ended.stdout.matchAll(/^(?:PT)?TYPE=(.+)$/gm),
        ([, type = '']) => type,
      )
      return found.length > 0 ? found : ['a signature without a name']
    }
    default:
      throw new Error(`blkid does not tell what is on ${node}: ${words(ended)}`)
  }
}

async function askWipefs(node: string): Promise<readonly string[]> {
  const args = ['--no-act', '--json', node]
  const ended = await command('wipefs', args, { deadlineMs: DEADLINE_MS })
  if (ended.code !== 0) {
    throw new Error(`wipefs does not tell what is on ${node}: ${words(ended)}`)
  }
  const { signatures } = listed.parse(JSON.parse(ended.stdout), { mode: 'strip' })
  return signatures.map(({ type }) => type)
}
