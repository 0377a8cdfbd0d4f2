import type { Claim } from '../../../../volume-plugin/ssd/claim.ts'
import type { ClaimBook } from '../../../../volume-plugin/ssd/claim-book.ts'
import type { Disks, Hold, NotHeld } from '../../../../volume-plugin/ssd/disks.ts'
import { findDisk } from '../../../../volume-plugin/ssd/finding.ts'
import { isOurs } from '../../../../volume-plugin/ssd/looking.ts'
import { MARK_AT, MARK_BYTES } from '../../../../volume-plugin/ssd/mark.ts'
import { decodeSuperblock, SUPERBLOCK_BYTES } from '../../../../volume-plugin/ssd/superblock.ts'

/**
 * Plugins with a fault, which the tests must find:
 * - `no-mark`: no mark is ever written.
 * - `late-intent`: the intent comes into the journal only when the mark is on the disk.
 * - `trusting`: a file system that looks whole is taken for whole, though nobody saw mkfs end.
 */
export const DOUBLES = ['no-mark', 'late-intent', 'trusting'] as const
export type Double = (typeof DOUBLES)[number]

type Ports = { readonly disks: Disks; readonly book: ClaimBook }

export function withFault(double: string | undefined, ports: Ports): Ports {
  switch (double) {
    case undefined:
      return ports
    case 'no-mark':
      return { ...ports, disks: onMark(ports.disks, async () => {}) }
    case 'late-intent':
      return lateIntent(ports)
    case 'trusting':
      return trusting(ports)
    default:
      throw new Error(`There is no double ${double}`)
  }
}

function lateIntent({ disks, book }: Ports): Ports {
  let late: Claim | undefined
  return {
    disks: onMark(disks, async write => {
      await write()
      if (late) await book.put(late)
      late = undefined
    }),
    book: changed(book, {
      put: async claim => {
        if (claim.state.is === 'intent') late = claim
        else await book.put(claim)
      },
    }),
  }
}

function trusting({ disks, book }: Ports): Ports {
  const looked = async (claim: Claim): Promise<Claim> => {
    if (claim.state.is !== 'formatting') return claim
    const disk = await findDisk(disks, claim.key)
    const superblock = disk && decodeSuperblock(await disks.read(disk, 0, SUPERBLOCK_BYTES))
    const isWhole = isOurs(superblock, claim) && superblock?.inProgress === false
    return isWhole ? { ...claim, state: { is: 'formatted' } } : claim
  }
  const load = async () => {
    const remembered = await book.load()
    return { ...remembered, claims: await Promise.all(remembered.claims.map(looked)) }
  }
  return { disks, book: changed(book, { load }) }
}

/** @param instead of a write of the mark, which it may do or not */
function onMark(disks: Disks, instead: (write: () => Promise<void>) => Promise<void>): Disks {
  const hold = async (disk: Parameters<Disks['hold']>[0]): Promise<Hold | NotHeld> => {
    const held = await disks.hold(disk)
    if (!held.held) return held
    return changed(held, {
      write: async (offset, data) => {
        const isMark = offset === MARK_AT && data.length === MARK_BYTES
        const write = async () => await held.write(offset, data)
        await (isMark ? instead(write) : write())
      },
    })
  }
  return changed(disks, { hold })
}

function changed<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get(_, key) {
      const member: unknown = Reflect.get(Object.hasOwn(members, key) ? members : target, key)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}
