import * as v from '@badrap/valita'
import { hex, name, time } from '../record-values.ts'
import { LONGEST_HOST } from './claim.ts'
import type { Claim, ClaimId } from './claim.ts'
import type { DiskKey } from './disk.ts'
import { decodeSsdOptions } from './options.ts'

const uuid = v
  .string()
  .assert(text => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text), 'not a UUID')

const step = v.object({
  is: v.union(
    v.literal('intent'),
    v.literal('marked'),
    v.literal('formatting'),
    v.literal('formatted'),
    v.literal('ready'),
  ),
})
const parked = v.object({
  is: v.literal('parked'),
  since: v.string(),
  keepMs: v.number(),
  keptMs: v.number(),
})
const wiping = v.object({
  is: v.literal('wiping'),
  part: v.union(v.literal('body'), v.literal('head')),
  offset: v.number(),
  head: v
    .string()
    .optional()
    .map(head => head),
})
const quarantined = v.object({ is: v.literal('quarantined'), reason: v.string() })

const short = v.string().map(text => text.slice(0, LONGEST_HOST))

const volume = v.object({
  name,
  options: v.unknown().map(decodeSsdOptions),
  created: time,
  fsUuid: uuid,
  host: short,
  boot: short,
})

const claim = v.object({
  id: hex.map(id => id as ClaimId),
  key: hex.map(key => key as DiskKey),
  identity: v.object({
    wwid: v.string(),
    serial: v.string(),
    model: v.string(),
    size: v.number(),
  }),
  volume: volume.optional(),
  state: v.union(step, parked, wiping, quarantined),
})

/** @throws {Error} where it makes no sense, or a member is there that this version does not know */
export function readClaim(text: string): Claim {
  const { volume: claimed, state, ...rest } = claim.parse(JSON.parse(text))
  const known = state.is === 'wiping' ? { ...state, head: state.head } : state
  return { ...rest, volume: claimed, state: known }
}

export const writeClaim = (record: Claim): string => JSON.stringify(record)

const counts = v.object({ boot: v.string(), ids: v.record(v.number()) })
export const readCounts = (text: string) => counts.parse(JSON.parse(text))

const labels = v.record(v.string())
export const readLabels = (text: string) => labels.parse(JSON.parse(text))
