import { entriesBelow } from '../shared/pages.ts'
import type { Store } from '../shared/store.ts'
import type { Host } from '../shared/host.ts'
import type { Journal } from './journal.ts'
import { ADDRESSES, POOLS } from './keys.ts'
import type { PoolId } from './pool-id.ts'
import { readAddress, readPool } from './records.ts'
import type { Registration } from './registration.ts'

/**
 * Takes over the identity in the state directory for this machine. Where the journal was lost, it is written anew from
 * what the store has of this host and this boot, so that the engine's releases find it: each pool counted once.
 */
export async function adopt(
  store: Store,
  journal: Journal,
  registration: Registration,
): Promise<void> {
  await registration.adopt(() => restore(store, journal, registration.host))
}

async function restore(store: Store, journal: Journal, { id, boot }: Host): Promise<void> {
  for await (const entry of entriesBelow(store, ADDRESSES)) {
    const record = readAddress(entry)
    if (record.state !== 'used' || record.host !== id || record.boot !== boot) continue
    const { pool, op } = record
    journal.writeAddress(entry.key, { state: 'held', pool, op, boot })
  }
  await journal.sync()
  for await (const entry of entriesBelow(store, POOLS)) {
    const { users, cooldown, automatic, gateway, aux } = readPool(entry)
    for (const [pool, exclude] of Object.entries(users[id]?.pools ?? {})) {
      await journal.writePool(pool as PoolId, {
        state: 'joined',
        count: 1,
        cooldownMs: cooldown.ms,
        exclude,
        automatic: automatic === id,
        gateway,
        aux,
      })
    }
  }
}
