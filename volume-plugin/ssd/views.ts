import type { Volume } from '../volumes.ts'
import type { Claim } from './claim.ts'
import type { Claims, VolumeClaim } from './claims.ts'
import type { Mounting } from './mounting.ts'
import { optionsText } from './options.ts'
import type { Presence } from './presence.ts'
import type { Resuming } from './resuming.ts'
import { sizeText } from './sizes.ts'

type Known = {
  readonly claims: Claims
  readonly mounting: Mounting
  readonly resuming: Resuming
  readonly presence: Presence
}

/** A volume as `docker volume inspect` shows it. */
export function volumeOf(claim: VolumeClaim, known: Known): Volume {
  const { claims, mounting, presence } = known
  const { id, key, identity, volume } = claim
  const { wwid, serial, model, size } = identity
  return {
    name: volume.name,
    created: volume.created,
    mountpoint: mounting.rootOf(id),
    status: {
      state: stateOf(claim, known),
      size: sizeText(size),
      bytes: size,
      disk: { model, serial, wwid, key, device: presence.nameOf(key) },
      fileSystem: `xfs ${volume.fsUuid}`,
      claim: id,
      mounts: mounting.countsOf(id),
      options: optionsText(volume.options),
      labels: claims.labels(key),
    },
  }
}

function stateOf({ id, key }: VolumeClaim, { mounting, presence }: Known): string {
  if (presence.nameOf(key) === undefined) return 'missing: its disk is not there'
  return mounting.rootOf(id) === undefined ? 'ready' : 'mounted'
}

const STATES = {
  intent: 'creating',
  marked: 'creating',
  formatting: 'creating',
  formatted: 'creating',
  ready: 'ready',
  parked: 'parked',
  wiping: 'wiping',
  quarantined: 'quarantined',
} as const

/** A claim as the operator sees it. */
export function claimView(claim: Claim, known: Known): object {
  const { id, key, identity, volume, state } = claim
  const problem = state.is === 'quarantined' ? state.reason : known.resuming.problemOf(id)
  return {
    name: volume?.name ?? '',
    claim: id,
    state: STATES[state.is],
    ...(problem === undefined ? {} : { problem }),
    created: volume?.created ?? '',
    size: identity.size,
    fsUuid: volume?.fsUuid ?? '',
    mountpoint: known.mounting.rootOf(id),
    mounts: known.mounting.countsOf(id),
    options: volume ? optionsText(volume.options) : {},
    labels: known.claims.labels(key),
    ...(state.is === 'parked'
      ? { parked: { since: state.since, leftMs: Math.max(0, state.keepMs - state.keptMs) } }
      : {}),
    ...(state.is === 'wiping' ? { wiping: { part: state.part, offset: state.offset } } : {}),
    disk: { key, device: known.presence.nameOf(key), ...identity },
  }
}
