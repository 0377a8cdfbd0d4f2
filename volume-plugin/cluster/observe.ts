import type { Entry, Store } from '../../shared/store.ts'
import { CLUSTER } from './cluster-keys.ts'
import { readCluster, readHost } from './cluster-records.ts'
import type { Observation } from './standing.ts'

/** What the store has of a host, with its entry as it was read, and of the file system. */
export type Found = Observation & {
  readonly entry: Entry | undefined
  readonly cluster: string | undefined
}

/** Reads what the store has at the host's key, in the history that it follows: not all of one moment. */
export async function observe(store: Store, key: string, history: string): Promise<Found> {
  const [entry, cluster] = await Promise.all([store.get(key), store.get(CLUSTER)])
  return { history, host: readHost(entry), entry, cluster: readCluster(cluster)?.id }
}

/** Of a history that nothing is believed of. */
export const nothing = (history: string): Found => ({
  history,
  host: undefined,
  entry: undefined,
  cluster: undefined,
})
