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
 * - `barred`: nothing may be claimed until somebody did what `reason` says.
 */
export type Standing =
  | { readonly is: 'new' | 'mine' | 'returning' }
  | { readonly is: 'recovering'; readonly id: string; readonly phase: RecoveryPhase }
  | { readonly is: 'barred'; readonly reason: string }

/** @param notes undefined where this host never registered */
export function standingOf(notes: Notes | undefined, found: Observation): Standing {
  const { host, gate, history } = found
  if (!notes) return withoutNotes(found)
  const isOurs = host !== undefined && notes.nonces.includes(host.nonce)
  if (gate?.open && host?.recovery?.id === gate.id && !host.evicted) {
    const { id, phase } = host.recovery
    // The first phase is written by whoever began the recovery, the others by the host itself.
    return phase === 'fenced' || isOurs ? { is: 'recovering', id, phase } : barred(COPY)
  }
  if (history !== notes.history) {
    if (history === LOCAL_HISTORY) return barred(NO_ENDPOINTS)
    if (notes.history === LOCAL_HISTORY)
      return !host || isOurs ? joining(gate, true) : barred(NO_JOURNAL)
  }
  if (!host && notes.generation === 0) return joining(gate, false)
  if (isSetBack(notes, found)) {
    return gate && gate.id !== notes.recovery ? joining(gate, true) : barred(SET_BACK)
  }
  if (host && host.generation > notes.generation) {
    return host.evicted || host.recovery || isOurs ? joining(gate, true) : barred(COPY)
  }
  return isOurs ? { is: 'mine' } : barred(COPY)
}

function withoutNotes({ host, history, gate }: Observation): Standing {
  if (!host) return joining(gate, false)
  // The journal of an earlier version, which is in the same database as the store.
  return history === LOCAL_HISTORY ? { is: 'mine' } : barred(NO_JOURNAL)
}

/** While a recovery is open, whoever comes takes part. */
function joining(gate: RecoveryRecord | undefined, hasJournal: boolean): Standing {
  if (gate?.open) return { is: 'recovering', id: gate.id, phase: 'fenced' }
  return { is: hasJournal ? 'returning' : 'new' }
}

/** Whether the store knows less of this host than the host itself does. */
function isSetBack(notes: Notes, { history, host, seen }: Observation): boolean {
  if (history !== notes.history || !host || host.generation < notes.generation) return true
  if (host.generation === notes.generation && host.evicted) return true
  return (seen?.beat ?? 0) < notes.beat
}

const barred = (reason: string): Standing => ({ is: 'barred', reason })

const NO_ENDPOINTS =
  'The addresses of this host are kept in etcd, but ETCD_ENDPOINTS is empty: set it again'
const NO_JOURNAL =
  'etcd knows this host, but its journal here is empty: it was lost, or this is a copy of another machine. ' +
  'On a copy, stop the plugin and remove berth/ from its state directory; else run: berth host adopt'
const COPY =
  'Another machine has registered with the identity of this host. On the copy, stop the plugin and remove berth/ from ' +
  'its state directory; on the machine that is to keep the identity, run: berth host adopt'
const SET_BACK =
  'etcd was set back to an older state, in which addresses that are in use look free. No host may allocate until all ' +
  'have told what they hold: on any one of the hosts, run: berth recover'
