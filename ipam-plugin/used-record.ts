import type { Entry } from '../shared/store.ts'
import type { Host } from '../shared/host.ts'
import type { AddressEntry } from './journal.ts'
import { readAddress } from './records.ts'
import type { UsedRecord } from './records.ts'

/** A claim as the store is to have it. @param known of the endpoint, and since when it has the address */
export function usedRecord(
  { pool, op, boot }: AddressEntry,
  host: Host,
  generation: number,
  known: Pick<UsedRecord, 'mac' | 'name' | 'since'>,
): UsedRecord {
  return { ...known, state: 'used', pool, host: host.id, hostName: host.name, generation, op, boot }
}

/** The operation that claimed the address; undefined where nobody has. */
export function opOf(entry: Entry | undefined): string | undefined {
  const record = readAddress(entry)
  return record?.state === 'used' ? record.op : undefined
}
