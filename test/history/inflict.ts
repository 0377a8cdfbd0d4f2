import { setTimeout as sleep } from 'node:timers/promises'
import { lostBy } from './views.ts'
import type { Fault } from './plan.ts'
import { restore } from './restore.ts'
import type { Host, World } from './world.ts'

const RETURNS_WITHIN_MS = 60_000

/**
 * Lets one fault happen, from its beginning to its end.
 *
 * @param enough what was seen suffices: nobody needs to be waited for any more
 */
export async function inflict(world: World, fault: Fault, enough: AbortSignal): Promise<void> {
  switch (fault.do) {
    case 'leader': {
      const leader = await world.etcd.leader()
      await world.etcd.kill(leader)
      await sleep(fault.forMs)
      return await world.etcd.startMember(leader)
    }
    case 'etcd':
      await Promise.all(world.etcd.members.map(async member => await world.etcd.kill(member)))
      await sleep(fault.forMs)
      return await world.etcd.startAll()
    case 'restore':
      return await restore(world, fault)
    case 'evict':
      return await evict(world, world.host(fault.host), fault, enough)
    case 'kill':
    case 'reboot':
    case 'stop':
    case 'clock':
      return await inflictOnProcess(world, world.host(fault.host), fault)
    case 'cut':
    case 'delay':
    case 'late':
    case 'strand':
    case 'partition':
      return await inflictOnNetwork(world.host(fault.host), fault)
  }
}

type OfProcess = Extract<Fault, { readonly do: 'kill' | 'reboot' | 'stop' | 'clock' }>
type OfNetwork = Extract<Fault, { readonly do: 'cut' | 'delay' | 'late' | 'strand' | 'partition' }>

async function inflictOnProcess(world: World, host: Host, fault: OfProcess): Promise<void> {
  const { instance } = host
  switch (fault.do) {
    case 'kill':
      await instance.kill()
      await sleep(fault.forMs)
      return await instance.start()
    case 'reboot':
      await world.powerOff(host)
      await sleep(fault.forMs)
      return await instance.start()
    case 'stop':
      instance.stop()
      await sleep(fault.forMs)
      return instance.continue()
    case 'clock':
      instance.shiftClock(fault.byMs)
      await sleep(fault.forMs)
      return instance.shiftClock(0)
  }
}

async function inflictOnNetwork({ wire }: Host, fault: OfNetwork): Promise<void> {
  switch (fault.do) {
    case 'cut':
      return wire.cut()
    case 'delay':
      wire.delay(fault.byMs)
      break
    case 'late':
      await wire.answerLate()
      break
    case 'strand':
      wire.strand()
      await sleep(fault.forMs)
      return wire.land()
    case 'partition':
      await wire.partition()
      break
  }
  await sleep(fault.forMs)
  await wire.pass()
}

/**
 * The operator gives the word that the host is dead. Where that is true, it comes back as another boot; where it is
 * not, it finds out by itself, and is asked what it kept.
 */
async function evict(
  world: World,
  host: Host,
  { dead, forMs }: Fault & { readonly do: 'evict' },
  enough: AbortSignal,
): Promise<void> {
  if (dead) await world.powerOff(host)
  const end = world.recorder.lasting({ is: 'evicted', host: host.name })
  await carryOutEviction(world, host)
  end()
  if (dead) {
    await sleep(forMs)
    return await host.instance.start()
  }
  await tellWhatIsLeft(world, host, enough)
}

/** On any other host, again until it is done. */
async function carryOutEviction(world: World, evicted: Host): Promise<void> {
  const others = world.hosts.filter(host => host !== evicted)
  for (let i = 0; ; i++) {
    const by = others[i % others.length]
    if (by?.instance.running) {
      const path = `/v1/hosts/${evicted.name}/evict`
      const answer = await by.instance.admin('POST', path, { force: true }).catch(() => undefined)
      if (answer?.status === 200) return
    }
    await sleep(50)
  }
}

/** Once the host is registered anew and serves: what it says it lost, and what the store has as its own. */
async function tellWhatIsLeft(
  world: World,
  { name: host, instance }: Host,
  enough: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + RETURNS_WITHIN_MS
  for (; !enough.aborted; await sleep(100)) {
    const lost = await lostBy(instance)
    if (lost) {
      world.recorder.event({ is: 'lost', host, at: world.recorder.now(), addresses: lost })
      break
    }
    if (performance.now() > deadline) throw new Error(`${host} does not return from its eviction`)
  }
  const sight = await world.look()
  const kept = sight.used.filter(used => used.host === host).map(({ address }) => address)
  world.recorder.event({ is: 'kept', host, at: sight.ended, addresses: kept })
}
