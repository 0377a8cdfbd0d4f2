import { entriesBelow } from '../shared/pages.ts'
import { Refusal } from '../shared/refusal.ts'
import type { Ipam } from './ipam.ts'
import { HOSTS, SEEN } from './keys.ts'
import { readHost, readSeen } from './records.ts'
import type { HostRecord, RecoveryPhase } from './records.ts'
import { SILENT_AFTER_MS } from './signs-of-life.ts'

export type HostRow = {
  readonly id: string
  readonly name: string
  readonly self: boolean
  readonly state: 'active' | 'silent' | 'evicted' | 'recovering'
  readonly generation: number
  /** When the last sign of life was given, by that host's clock. */
  readonly seen?: string
  readonly version?: string
  readonly recovery?: RecoveryPhase
}

/** Every host that ever registered. On a store of its own, a host gives no signs of life, and is active. */
export async function listHosts({ store, registration }: Ipam): Promise<HostRow[]> {
  const seen = new Map<string, { at: number; version: string }>()
  for await (const entry of entriesBelow(store, SEEN)) {
    seen.set(entry.key.slice(SEEN.length), readSeen(entry))
  }
  const rows: HostRow[] = []
  for await (const entry of entriesBelow(store, HOSTS)) {
    const id = entry.key.slice(HOSTS.length)
    const record = readHost(entry)
    const self = id === registration.host.id
    const sign = seen.get(id)
    const isSilent = !self && Date.now() - (sign?.at ?? 0) > SILENT_AFTER_MS
    rows.push({
      id,
      name: record.name,
      self,
      state: stateOf(record, isSilent),
      generation: record.generation,
      ...(sign ? { seen: new Date(sign.at).toISOString(), version: sign.version } : {}),
      ...(record.recovery ? { recovery: record.recovery.phase } : {}),
    })
  }
  return rows
}

/**
 * The host that is meant: its id, a unique beginning of one, or a unique name.
 *
 * @throws {Refusal}
 */
export async function findHost(ipam: Ipam, meant: string): Promise<HostRow> {
  const hosts = await listHosts(ipam)
  const found =
    hosts.filter(({ id }) => id === meant).at(0) ??
    only(
      hosts.filter(({ name }) => name === meant),
      meant,
    ) ??
    only(
      hosts.filter(({ id }) => meant !== '' && id.startsWith(meant)),
      meant,
    )
  if (found) return found
  throw new Refusal('unknown-host', `There is no host "${meant}"; see: berth hosts`)
}

function only(hosts: readonly HostRow[], meant: string): HostRow | undefined {
  if (hosts.length < 2) return hosts[0]
  const ids = hosts.map(({ id }) => id).join(', ')
  throw new Refusal('unknown-host', `"${meant}" may mean several hosts; use an id: ${ids}`)
}

function stateOf({ evicted, recovery }: HostRecord, isSilent: boolean): HostRow['state'] {
  if (evicted) return 'evicted'
  if (recovery) return 'recovering'
  return isSilent ? 'silent' : 'active'
}
