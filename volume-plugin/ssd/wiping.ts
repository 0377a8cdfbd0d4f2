import { Refusal } from '../../shared/refusal.ts'
import { FIRST_BYTES, HEAD_BYTES } from './claim.ts'
import type { Claim, Wiping } from './claim.ts'
import type { Claims } from './claims.ts'
import type { Hold } from './disks.ts'
import { hashStart } from './looking.ts'

export type WipingClaim = Claim & { readonly state: Wiping }

const CHUNK_BYTES = 4 * 1024 * 1024
/** How much of a wipe is done again after a crash, at most. */
const NOTED_EVERY_BYTES = 1024 * 1024 * 1024

/**
 * Makes a claimed disk blank, its first bytes with the proof of the claim at last, and gives it back. For a hold under which the
 * claim was just proved.
 *
 * @throws {Refusal} `disk-failed` where it is not blank afterwards; the claim stays
 */
export async function wipe(
  claims: Claims,
  claim: WipingClaim,
  hold: Hold,
  stop: AbortSignal,
): Promise<void> {
  if (claim.state.part === 'body') {
    await blankBody(claims, claim, hold, stop)
    const head = claim.state.head === undefined ? undefined : await hashStart(hold, FIRST_BYTES)
    await claims.become(claim, { is: 'wiping', part: 'head', offset: HEAD_BYTES, head })
  }
  await hold.write(FIRST_BYTES, Buffer.alloc(HEAD_BYTES - FIRST_BYTES))
  await hold.write(0, Buffer.alloc(FIRST_BYTES))
  const found = await hold.signatures()
  const at = await hold.content()
  if (found.length > 0 || at !== undefined) {
    const what = found.length > 0 ? found.join(', ') : `data at byte ${at}`
    throw new Refusal(
      'disk-failed',
      `${hold.disk.node} was wiped, and shows ${what} all the same: does it keep what is written?`,
    )
  }
  await claims.remove(claim.id)
}

async function blankBody(
  claims: Claims,
  claim: WipingClaim,
  hold: Hold,
  stop: AbortSignal,
): Promise<void> {
  const { offset } = claim.state
  const isDiscarded = offset === 0 && (await hold.discard(HEAD_BYTES))
  // Many disks read as zero what was discarded; where this one does not, each byte is looked at.
  if (isDiscarded && (await hold.content(HEAD_BYTES)) === undefined) return
  const { size } = hold.disk.identity
  const zeros = Buffer.alloc(CHUNK_BYTES)
  let noted = offset
  for (let at = Math.max(offset, HEAD_BYTES); at < size; at += CHUNK_BYTES) {
    stop.throwIfAborted()
    const length = Math.min(CHUNK_BYTES, size - at)
    const blank = zeros.subarray(0, length)
    if (!(await hold.read(at, length)).equals(blank)) await hold.write(at, blank)
    if (at - noted < NOTED_EVERY_BYTES) continue
    noted = at
    await claims.become(claim, { ...claim.state, offset: at })
  }
}
