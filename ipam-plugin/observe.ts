import { LOCAL_HISTORY, unchanged } from '../shared/store.ts'
import type { Condition, Entry, Store } from '../shared/store.ts'
import { hostKey, RECOVERY, seenKey } from './keys.ts'
import { readHost, readRecovery, readSeen } from './records.ts'
import type { Observation } from './standing.ts'

/** What the store has of a host, with the entries as they were read. */
export type Found = Observation & { readonly entries: Entries }

export type Entries = Readonly<Record<'host' | 'seen' | 'gate', Entry | undefined>>

/** Reads what the store has of a host, in the history that it follows: not all of one moment. */
export async function observe(store: Store, id: string, history: string): Promise<Found> {
  const [host, seen, gate] = await Promise.all([
    store.get(hostKey(id)),
    store.get(seenKey(id)),
    store.get(RECOVERY),
  ])
  return {
    history,
    host: readHost(host),
    seen: readSeen(seen),
    gate: readRecovery(gate),
    entries: { host, seen, gate },
  }
}

/** "All of it is as it was." On a store of its own, a host has but its record. */
export function unchangedSince(
  id: string,
  history: string,
  { host, seen, gate }: Entries,
): Condition[] {
  const fence = unchanged(hostKey(id), host)
  if (history === LOCAL_HISTORY) return [fence]
  return [fence, unchanged(seenKey(id), seen), unchanged(RECOVERY, gate)]
}
