import { formatAddress } from '../ipam-plugin/addresses.ts'
import { addressesOf, addressKey, addressOfKey } from '../ipam-plugin/keys.ts'
import { readAddress } from '../ipam-plugin/records.ts'
import { endOf } from '../shared/store.ts'
import type { Revision } from '../shared/store.ts'
import { EtcdClient, put } from './etcd-client.ts'
import type { Ledger } from './ledger.ts'
import { USED } from './record.ts'

const PREFIX = '/berth'
/** As many as etcd takes in one transaction. */
const BATCH = 128

/** Writes all, straight into etcd. */
export async function putAll(url: string, keys: readonly string[], value: string): Promise<void> {
  const etcd = await EtcdClient.open(url)
  for (let i = 0; i < keys.length; i += BATCH) {
    await etcd.txn({ success: keys.slice(i, i + BATCH).map(key => put(key, value)) })
  }
  etcd.close()
}

/** Writes used records over `part` of the 65,536 addresses from `first` on, spread at random. Returns them. */
export async function fill(
  url: string,
  segment: string,
  first: bigint,
  part: number,
): Promise<Set<string>> {
  // The network, the gateway and the broadcast address are not given.
  const usable = Array.from({ length: 65_533 }, (_, i) => first + 2n + BigInt(i))
  const taken = shuffled(usable).slice(0, Math.round(usable.length * part))
  const addresses = taken.map(value => ({ family: 4, value }) as const)
  const keys = addresses.map(address => `${PREFIX}/${addressKey(segment, address)}`)
  await putAll(url, keys, USED)
  return new Set(addresses.map(formatAddress))
}

/**
 * Compares what etcd holds as used in a segment with what was answered; each difference is a fault.
 *
 * @param others used, but not by those who answered
 */
export async function audit(
  url: string,
  segment: string,
  ledger: Ledger,
  others: ReadonlySet<string> = new Set(),
): Promise<void> {
  const used = await usedIn(url, segment)
  const mine = new Set(used.filter(address => !others.has(address)))
  for (const address of mine) {
    if (!ledger.held.has(address))
      ledger.failed(new Error(`etcd holds ${address} as used, but nobody was told`))
  }
  for (const address of ledger.held) {
    if (!mine.has(address))
      ledger.failed(new Error(`${address} was answered, but etcd does not hold it`))
  }
}

async function usedIn(url: string, segment: string): Promise<string[]> {
  const prefix = `${PREFIX}/${addressesOf(segment)}`
  const etcd = await EtcdClient.open(url)
  const range = { key: Buffer.from(prefix), range_end: Buffer.from(endOf(prefix)) }
  const { kvs } = await etcd.range(range)
  etcd.close()
  return kvs
    .map(({ key, value, mod_revision }) => ({
      key: key.toString(),
      value: value.toString(),
      revision: mod_revision as Revision,
    }))
    .filter(entry => readAddress(entry).state === 'used')
    .map(({ key }) => formatAddress(addressOfKey(key)))
}

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map(value => ({ value, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ value }) => value)
}
