import { LOCAL_HISTORY } from '../../shared/store.ts'
import type { HostNotes } from './cluster-book.ts'
import type { HostRecord } from './cluster-records.ts'

/** What the store has of this host. */
export type Observation = { readonly history: string; readonly host: HostRecord | undefined }

/**
 * How this host stands with the store.
 * - `new`: it never registered.
 * - `mine`: the record is as this host wrote it last.
 * - `raised`: the same, but a volume was taken from this host since.
 * - `barred`: the store is not what this host registered with, or this host is not who registered; nothing may be sent, and
 *   nothing that is read is believed, before somebody did what `reason` says.
 */
export type Standing =
  { readonly is: 'new' | 'mine' | 'raised' } | { readonly is: 'barred'; readonly reason: string }

/** @param notes undefined where this host never registered, or lost them */
export function standingOf(notes: HostNotes | undefined, { history, host }: Observation): Standing {
  if (!notes) return host ? barred(NO_NOTES) : { is: 'new' }
  if (!host && notes.generation === 0) return { is: 'new' }
  if (notes.history !== history) return barred(otherStore(notes.history, history))
  if (!host || host.generation < notes.generation) return barred(SET_BACK)
  if (notes.formerNonces.includes(host.nonce)) return barred(SET_BACK)
  if (!notes.nonces.includes(host.nonce)) return barred(COPY)
  const isRaised = host.generation > notes.generation && notes.generation > 0
  return { is: isRaised ? 'raised' : 'mine' }
}

const barred = (reason: string): Standing => ({ is: 'barred', reason })

function otherStore(before: string, now: string): string {
  if (now === LOCAL_HISTORY) return NO_ENDPOINTS
  return before === LOCAL_HISTORY ? WAS_LOCAL : OTHER_STORE
}

const ADOPT =
  'check that no exclusive volume is mounted on two hosts, then run on each host, first where they are mounted: berth cluster adopt'
const NO_ENDPOINTS =
  'The volumes of this host are kept in etcd, but ETCD_ENDPOINTS is empty: set it again'
const WAS_LOCAL =
  'The volumes of this host were kept on the host itself until now, and etcd does not know them: leave ETCD_ENDPOINTS ' +
  'empty, or, to go on without them and their names, run: berth cluster adopt'
const OTHER_STORE =
  'This etcd is another one than this host registered with: check ETCD_ENDPOINTS. If it is to be this one from now on, ' +
  `or was restored from a backup, ${ADOPT}`
const SET_BACK = `etcd was set back to an older state, in which volumes that are mounted may look free: ${ADOPT}`
const NO_NOTES =
  'etcd knows this host, but its memory here is empty: it was lost, or this is a copy of another machine. ' +
  'On a copy, stop the plugin and remove berth/ from its state directory; else run: berth cluster adopt'
const COPY =
  'Another machine has registered with the identity of this host, or etcd was set back to a much older state. On a copy, ' +
  `stop the plugin and remove berth/ from its state directory; else ${ADOPT}`
