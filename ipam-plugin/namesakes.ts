import { entriesBelow } from '../shared/pages.ts'
import type { Store } from '../shared/store.ts'
import type { Host } from '../shared/host.ts'
import { ADDRESSES, HOSTS } from './keys.ts'
import { readAddress, readHost } from './records.ts'

/** Another host of the same name, and how many addresses it holds. */
export type Namesake = { readonly id: string; readonly addresses: number }

/** Those that are not evicted: where a machine was set up anew, what it was before holds its addresses still. */
export async function namesakesOf(store: Store, { id, name }: Host): Promise<Namesake[]> {
  const held = new Map<string, number>()
  for await (const entry of entriesBelow(store, HOSTS)) {
    const other = entry.key.slice(HOSTS.length)
    const record = readHost(entry)
    if (other !== id && record.name === name && !record.evicted) held.set(other, 0)
  }
  if (held.size === 0) return []
  for await (const entry of entriesBelow(store, ADDRESSES)) {
    const record = readAddress(entry)
    if (record.state !== 'used') continue
    const before = held.get(record.host)
    if (before !== undefined) held.set(record.host, before + 1)
  }
  return Array.from(held, ([other, addresses]) => ({ id: other, addresses }))
}
