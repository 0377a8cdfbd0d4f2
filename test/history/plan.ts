import { Random } from './random.ts'

/** What a run will do, drawn from its seed: the same seed, the same plan. How it comes out is up to the machine. */
export type Plan = {
  readonly seed: number
  readonly hosts: readonly string[]
  readonly lastsMs: number
  /** In the order of their beginnings. */
  readonly faults: readonly Fault[]
}

/** Something that goes wrong `at` a time, and ends after `forMs`. */
export type Fault =
  | OnHost<'kill' | 'stop' | 'reboot' | 'cut' | 'late' | 'strand' | 'partition'>
  | (OnHost<'delay' | 'clock'> & { readonly byMs: number })
  /** `dead`: the operator's word is true; else the host lives on and finds out. */
  | (OnHost<'evict'> & { readonly dead: boolean })
  | (Timed & { readonly do: 'leader' | 'etcd' })
  | Restore

/** etcd begins anew from a snapshot that was taken `ageMs` before. */
export type Restore = Timed & {
  readonly do: 'restore'
  readonly ageMs: number
  readonly token: 'same' | 'new'
}

type Timed = { readonly at: number; readonly forMs: number }
type OnHost<Kind> = Kind extends string
  ? Timed & { readonly do: Kind; readonly host: string }
  : never
export type FaultKind = Fault['do']

/** How long a fault of each kind lasts, at least and at most. Instances give up after less than two seconds. */
const LASTS: Readonly<Record<FaultKind, readonly [number, number]>> = {
  kill: [0, 3000],
  stop: [4500, 6500],
  reboot: [500, 3000],
  cut: [0, 0],
  late: [1500, 5000],
  strand: [2000, 3000],
  partition: [2000, 6000],
  delay: [1000, 4000],
  clock: [2000, 8000],
  evict: [500, 4000],
  leader: [1000, 3000],
  etcd: [1000, 4000],
  restore: [0, 0],
}

/** Faults of the process itself; the others of a host are of its network. */
const OF_PROCESS: readonly FaultKind[] = ['kill', 'stop', 'reboot', 'evict', 'clock']
/** Faults that spare no host. */
const OF_STORE: readonly FaultKind[] = ['leader', 'etcd', 'restore']
const EVERY_MS = 1800
/** A restored etcd comes when the run is this far. */
const RESTORE_AFTER = 0.75
/** Every host gives a sign of life in this time: of a younger snapshot of the same cluster nobody could tell. */
const BEATEN_MS = 34_000
/** What comes next at the same place waits until a host, or etcd, is itself again. */
const PAUSE_MS = 3000
/** Before the end: what has gone wrong shall show. */
const CALM_MS = 4000

export type PlanOptions = {
  readonly hosts: number
  readonly lastsMs: number
  readonly kinds: readonly FaultKind[]
}

/** Each kind comes once at least, where the time allows it. */
export function makePlan(seed: number, { hosts, lastsMs, kinds }: PlanOptions): Plan {
  const random = new Random(seed).fork(0)
  const names = Array.from({ length: hosts }, (_, i) => `host-${i}`)
  const others = kinds.filter(kind => kind !== 'restore')
  const room = kinds.length === 0 ? 0 : Math.max(0, Math.floor((lastsMs - CALM_MS) / EVERY_MS))
  const restoreIn = others.length < kinds.length ? Math.floor(room * RESTORE_AFTER) : undefined
  const more = Array.from({ length: others.length === 0 ? 0 : room }, () => random.pick(others))
  const faults: Fault[] = []
  const waiting = [...random.shuffled(others), ...more]
  const busyUntil = new Map<string, number>()
  for (let i = 0; i < room; i++) {
    const at = i * EVERY_MS + random.between(0, EVERY_MS - 1)
    const hostsNow = random.shuffled(names)
    const placeOf = (kind: FaultKind) =>
      placesOf(kind, hostsNow).find(place => (busyUntil.get(place) ?? 0) <= at)
    const next = waiting.find(one => placeOf(one) !== undefined)
    const kind = i === restoreIn ? 'restore' : next
    const place = kind === 'restore' ? 'store' : kind && placeOf(kind)
    if (!kind || !place) continue
    if (kind === next) waiting.splice(waiting.indexOf(kind), 1)
    const forMs = random.between(...LASTS[kind])
    busyUntil.set(place, at + forMs + PAUSE_MS)
    faults.push(fault(kind, place.split(' ')[1] ?? '', { at, forMs }, random))
  }
  return { seed, hosts: names, lastsMs, faults }
}

/** Where a fault of the kind can be; at each of these places there is one at a time. */
function placesOf(kind: FaultKind, hosts: readonly string[]): string[] {
  if (OF_STORE.includes(kind)) return ['store']
  return hosts.map(host => `${OF_PROCESS.includes(kind) ? 'process' : 'network'} ${host}`)
}

export function placeOf(fault: Fault): string {
  const [place = ''] = placesOf(fault.do, 'host' in fault ? [fault.host] : [])
  return place
}

function fault(kind: FaultKind, host: string, timed: Timed, random: Random): Fault {
  switch (kind) {
    case 'leader':
    case 'etcd':
      return { do: kind, ...timed }
    case 'restore':
      return restore(timed, random)
    case 'delay':
      return { do: kind, host, ...timed, byMs: random.between(20, 1200) }
    case 'clock':
      return { do: kind, host, ...timed, byMs: random.pick([-1, 1]) * random.between(1e3, 864e5) }
    case 'evict':
      return { do: kind, host, ...timed, dead: random.chance(0.5) }
    case 'kill':
    case 'stop':
    case 'reboot':
    case 'cut':
    case 'late':
    case 'strand':
    case 'partition':
      return { do: kind, host, ...timed }
  }
}

function restore(timed: Timed, random: Random): Restore {
  const isOld = timed.at > BEATEN_MS && random.chance(0.5)
  const ageMs = isOld
    ? random.between(BEATEN_MS, timed.at)
    : random.between(1000, Math.min(20_000, timed.at))
  return { do: 'restore', ...timed, ageMs, token: isOld ? 'same' : 'new' }
}
