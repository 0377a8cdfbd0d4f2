import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { request } from './connection.ts'
import type { Connection } from './connection.ts'
import { load } from './load.ts'
import { Server } from './server.ts'

/** The arguments that the image gives to Node. */
async function entrypoint(): Promise<string[]> {
  const manifest = join(import.meta.dirname, '../ipam-plugin/config.json')
  const { entrypoint: words } = JSON.parse(await readFile(manifest, 'utf8')) as {
    entrypoint: string[]
  }
  return words.slice(words.findIndex(word => word.endsWith('/node')) + 1)
}

/** The plugin as its image starts it: the manifest's flags, and the code compiled into `cache` by an earlier start. */
export async function startPlugin(folder: string, cache: string): Promise<Server> {
  return await Server.start(folder, await entrypoint(), { NODE_COMPILE_CACHE: cache })
}

/** The plugin from a checkout, without flags and cache. */
export async function startUncached(folder: string): Promise<Server> {
  return await Server.start(folder, ['ipam-plugin/main.ts'])
}

/** A pool made as the engine makes one: with its gateway. Returns the pool's id. */
export async function makePool(connection: Connection, subnet: string): Promise<string> {
  const options = { 'berth.segment': subnet.replaceAll(/[^0-9a-f]/g, '-'), 'berth.cooldown': '0' }
  const order = { AddressSpace: 'berth', Pool: subnet, SubPool: '', Options: options }
  const answer = await connection.send(
    request('RequestPool', { ...order, V6: subnet.includes(':') }),
  )
  const { PoolID } = JSON.parse(answer) as { PoolID: string }
  const gateway = { RequestAddressType: 'com.docker.network.gateway' }
  await connection.send(request('RequestAddress', { PoolID, Address: '', Options: gateway }))
  return PoolID
}

/** `count` requests for an address as the engine sends them, each for an endpoint with a MAC of its own. */
export function allocations(PoolID: string, count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => {
    const mac = `02:42:0a:00:${hex(i >> 8)}:${hex(i & 255)}`
    const Options = { 'com.docker.network.endpoint.macaddress': mac }
    return request('RequestAddress', { PoolID, Address: '', Options })
  })
}

/** Releases what `answers` to allocations gave. */
export async function release(
  connections: readonly Connection[],
  PoolID: string,
  answers: readonly string[],
): Promise<void> {
  const requests = answers.map(answer => {
    const { Address } = JSON.parse(answer) as { Address: string }
    return request('ReleaseAddress', { PoolID, Address: Address.replace(/\/.*/, '') })
  })
  await load(connections, requests)
}

const hex = (byte: number): string => byte.toString(16).padStart(2, '0')
