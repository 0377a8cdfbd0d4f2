import { LOCAL_HISTORY } from '../shared/store.ts'
import type { Notes } from './notes.ts'
import type { HostRecord, RecoveryPhase, RecoveryRecord, SeenRecord } from './records.ts'

/** What the store has of this host. */
export type Observation = {
  readonly history: string
  readonly host: HostRecord | undefined
  readonly seen: SeenRecord | undefined
  readonly gate: RecoveryRecord | undefined
}

/**
 * How this host stands with the store.
 * - `new`: never registered; there is nothing to claim again.
 * - `mine`: the record is as this host wrote it last.
 * - `returning`: all that the journal holds must be claimed again before anything else: the host was evicted, or comes
 *   from a store of its own, or missed a recovery.
 * - `recovering`: the same, in step with all other hosts.
 * - `barred`: nothing may be claimed until somebody did what `reason` says; `findsSetBack` where this host is the one
 *   that knows it, and should tell the others.
 */
export type Standing =
  | { readonly is: 'new' | 'mine' | 'returning' }
  | { readonly is: 'recovering'; readonly id: string; readonly phase: RecoveryPhase }
  | { readonly is: 'barred'; readonly reason: string; readonly findsSetBack: boolean }

/** @param notes undefined where this host never registered */
export function standingOf(notes: Notes | undefined, found: Observation): Standing {
  const { host, gate, history } = found
  if (notes && notes.history !== history && history === LOCAL_HISTORY) return barred(NO_ENDPOINTS)
  if (gate?.state === 'needed') return barred(SET_BACK)
  if (!notes) return withoutNotes(found)
  const isOurs = host !== undefined && notes.nonces.includes(host.nonce)
  if (notes.history === LOCAL_HISTORY && history !== LOCAL_HISTORY) {
    return !host || isOurs ? joining(gate, true) : barred(NO_JOURNAL)
  }
  if (!host && notes.generation === 0) return joining(gate, false)
  if (gate?.state === 'open') return inRecovery(gate, host, isOurs, isSetBack(notes, found))
  if (isSetBack(notes, found)) {
    if (!host && history !== notes.history) return barred(OTHER_STORE)
    return hasMissed(notes, gate) ? { is: 'returning' } : barred(SET_BACK, true)
  }
  if (host && host.generation > notes.generation) {
    return host.evicted || host.recovery || isOurs ? { is: 'returning' } : barred(COPY)
  }
  return isOurs ? { is: 'mine' } : barred(COPY)
}

/**
 * Whether a host that registered with `generation` still has its place: its record was written by nobody else, and no
 * recovery is open that it has no part in.
 */
export function hasItsPlace(
  notes: Notes,
  generation: number | undefined,
  found: Observation,
): boolean {
  const { host, gate } = found
  // An eviction and a recovery raise the generation: also where an adoption took their nonce for ours.
  if (!host || host.generation !== generation || !notes.nonces.includes(host.nonce)) return false
  if (gate?.state === 'open' && host.recovery?.id !== gate.id) return false
  return !isSetBack(notes, found)
}

/** Whether the store knows less of this host than the host itself does. */
function isSetBack(notes: Notes, { history, host, seen }: Observation): boolean {
  if (history !== notes.history || !host || host.generation < notes.generation) return true
  if (host.generation === notes.generation && host.evicted) return true
  return notes.formerNonces.includes(host.nonce) || (seen?.beat ?? 0) < notes.beat
}

function withoutNotes({ host, history, gate }: Observation): Standing {
  if (!host) return joining(gate, false)
  // The journal of an earlier version, which is in the same database as the store.
  return history === LOCAL_HISTORY ? { is: 'mine' } : barred(NO_JOURNAL)
}

/** While a recovery is open, whoever comes takes part. */
function joining(gate: RecoveryRecord | undefined, hasJournal: boolean): Standing {
  if (gate?.state === 'open') return { is: 'recovering', id: gate.id, phase: 'fenced' }
  return { is: hasJournal ? 'returning' : 'new' }
}

function inRecovery(
  { id }: RecoveryRecord,
  host: HostRecord | undefined,
  isOurs: boolean,
  isBehind: boolean,
): Standing {
  const fenced: Standing = { is: 'recovering', id, phase: 'fenced' }
  // How far it was in a state set back to says nothing of what it holds now.
  if (!host || host.evicted || isBehind) return fenced
  if (host.recovery?.id !== id) return isOurs ? fenced : barred(COPY)
  // The first phase is written by whoever began the recovery, the others by the host itself.
  if (host.recovery.phase === 'fenced') return fenced
  return isOurs ? { is: 'recovering', id, phase: host.recovery.phase } : barred(COPY)
}

/** Whether a recovery began and ended that this host took no part in. An older one was of an earlier set-back. */
function hasMissed(notes: Notes, gate: RecoveryRecord | undefined): boolean {
  if (!gate) return false
  return gate.number >= (notes.recovery?.number ?? 0) && gate.id !== notes.recovery?.id
}

const barred = (reason: string, findsSetBack = false): Standing => ({
  is: 'barred',
  reason,
  findsSetBack,
})

const NO_ENDPOINTS =
  'The addresses of this host are kept in etcd, but ETCD_ENDPOINTS is empty: set it again'
const OTHER_STORE =
  'This etcd is another one than this host registered with, and does not know this host: check ETCD_ENDPOINTS. If it is ' +
  'to be this one from now on, run: berth host adopt; if it was restored from a backup, run: berth recover'
const NO_JOURNAL =
  'etcd knows this host, but its journal here is empty: it was lost, or this is a copy of another machine. ' +
  'On a copy, stop the plugin and remove berth/ from its state directory; else run: berth host adopt'
const COPY =
  'Another machine has registered with the identity of this host. On the copy, stop the plugin and remove berth/ from ' +
  'its state directory; on the machine that is to keep the identity, run: berth host adopt'
const SET_BACK =
  'etcd was set back to an older state, in which addresses that are in use look free. No host may allocate until all ' +
  'have told what they hold: on any one of the hosts, run: berth recover'
