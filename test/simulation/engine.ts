import { parseAddress } from '../../ipam-plugin/addresses.ts'
import { addressKey } from '../../ipam-plugin/keys.ts'
import { parsePoolId } from '../../ipam-plugin/pool-id.ts'
import type { Host, Outcome } from './host.ts'

const MAC = 'com.docker.network.endpoint.macaddress'
const GATEWAY = { RequestAddressType: 'com.docker.network.gateway' }

export type Network = {
  readonly pool: string
  readonly gateway: string | undefined
  readonly aux: readonly string[]
}

export type NetworkOrder = {
  /** Empty: one of the default pools. */
  readonly subnet: string
  readonly range?: string
  readonly gateway?: string
  readonly aux?: readonly string[]
  readonly options?: Readonly<Record<string, string>>
}

/** An address that a container has. */
export type Held = {
  readonly pool: string
  readonly address: string
  readonly key: string
  readonly op: string | undefined
  /** The host was evicted although it lives: others may have it by now. */
  isForfeited: boolean
  /** Since it was forfeited, another host had it, or it became a gateway. */
  wasTaken: boolean
}

/** Told as soon as the engine has an address. */
export type OnHeld = (held: Held) => void

/**
 * A Docker Engine, as far as an IPAM driver sees it: which networks and containers it has, and what it can no longer
 * know since an answer was lost.
 */
export class Engine {
  readonly host: Host
  readonly #onHeld: OnHeld
  readonly networks = new Set<Network>()
  /** By key. */
  readonly held = new Map<string, Held>()
  /** Keys of addresses whose release was lost on its way. */
  readonly unreleased = new Set<string>()
  /** Requests whose answer was lost: each may have left an address, or a use of a pool. */
  lostAddresses = 0
  readonly doubtfulPools = new Set<string>()
  /** The addresses that are granted from now on may be given to others. */
  isForfeiting = false
  /** The plugin's state is lost, and was not adopted yet. */
  isForgotten = false
  /** How often an operator took this host for dead. */
  evictions = 0

  constructor(host: Host, onHeld: OnHeld) {
    this.host = host
    this.#onHeld = onHeld
  }

  /** As `docker network create`: what fails half-way is undone by a single ReleasePool. */
  async createNetwork(order: NetworkOrder, hangUp?: AbortSignal): Promise<Network | undefined> {
    const { subnet, range = '', options = {}, aux = [] } = order
    const request = {
      AddressSpace: 'berth',
      Pool: subnet,
      SubPool: range,
      Options: options,
      V6: false,
    }
    const answer = await this.host.call('RequestPool', request, hangUp)
    if (answer.is !== 'answered' || hangUp?.aborted) {
      if (answer.is === 'lost') this.doubtfulPools.add(poolIdOf(order))
      if (answer.is === 'answered') this.doubtfulPools.add(String(answer.body['PoolID']))
      return undefined
    }
    const pool = String(answer.body['PoolID'])
    const gateway = await this.#share(pool, order.gateway ?? '', GATEWAY)
    let isComplete = gateway !== undefined
    for (const address of aux) {
      isComplete &&= (await this.#share(pool, address, null)) !== undefined
    }
    if (isComplete) {
      const network = { pool, gateway, aux }
      this.networks.add(network)
      return network
    }
    await this.#releasePool(pool)
    return undefined
  }

  async removeNetwork(network: Network): Promise<void> {
    this.networks.delete(network)
    const { pool, gateway, aux } = network
    for (const address of [...(gateway ? [gateway] : []), ...aux]) {
      await this.host.call('ReleaseAddress', { PoolID: pool, Address: address })
    }
    await this.#releasePool(pool)
  }

  /** @param hangUp the engine goes away before the answer */
  async run(pool: string, address = '', hangUp?: AbortSignal): Promise<Outcome> {
    const options = { [MAC]: '02:42:00:00:00:01' }
    const request = { PoolID: pool, Address: address, Options: options }
    const { boot } = this.host
    const answer = await this.host.call('RequestAddress', request, hangUp)
    if (answer.is === 'lost' && boot === this.host.boot) this.lostAddresses += 1
    if (answer.is !== 'answered') return answer
    if (hangUp?.aborted) {
      this.lostAddresses += 1
      return { is: 'lost' }
    }
    this.#hold(pool, String(answer.body['Address']).split('/')[0] ?? '')
    return answer
  }

  /** The container is gone, whatever becomes of the release. */
  async stop(held: Held): Promise<Outcome> {
    this.held.delete(held.key)
    const { boot } = this.host
    const wasForgotten = this.isForgotten
    const outcome = await this.host.call('ReleaseAddress', {
      PoolID: held.pool,
      Address: held.address,
    })
    const isKnown = outcome.is === 'answered' && !wasForgotten
    if (!isKnown && boot === this.host.boot) this.unreleased.add(held.key)
    return outcome
  }

  /** No container outlives its boot. Networks do. */
  reboot(): void {
    this.held.clear()
    this.unreleased.clear()
    this.lostAddresses = 0
  }

  /** What its plugin knew is lost, and what was under way with it. */
  loseState(): void {
    const { addressEntries, poolEntries } = this.host.disk
    for (const { state } of addressEntries.values()) {
      if (state === 'intent' || state === 'releasing') this.lostAddresses += 1
    }
    for (const id of poolEntries.keys()) this.doubtfulPools.add(id)
    this.host.disk.lose()
    this.isForgotten = true
  }

  /** Networks that the plugin could not learn of are removed. */
  adopted(): void {
    this.isForgotten = false
    for (const network of this.networks) {
      if (!this.host.disk.poolEntries.has(parsePoolId(network.pool).id))
        this.networks.delete(network)
    }
  }

  #hold(pool: string, address: string): void {
    const key = keyOf(pool, address)
    const op = this.host.disk.address(key)?.op
    const held = { pool, address, key, op, isForfeited: this.isForfeiting, wasTaken: false }
    this.#onHeld(held)
    this.held.set(key, held)
    this.unreleased.delete(key)
  }

  async #share(pool: string, address: string, options: object | null): Promise<string | undefined> {
    const request = { PoolID: pool, Address: address, Options: options }
    const answer = await this.host.call('RequestAddress', request)
    return answer.is === 'answered' ? String(answer.body['Address']).split('/')[0] : undefined
  }

  async #releasePool(pool: string): Promise<void> {
    const { is } = await this.host.call('ReleasePool', { PoolID: pool })
    if (is !== 'answered') this.doubtfulPools.add(pool)
  }
}

export function keyOf(pool: string, address: string): string {
  return addressKey(parsePoolId(pool).segment, parseAddress(address))
}

export const AUTOMATIC = 'one of the default pools'

const poolIdOf = ({ subnet, range }: NetworkOrder): string =>
  subnet === ''
    ? AUTOMATIC
    : `default~${subnet}~${range === undefined || range === '' ? '-' : range}`
