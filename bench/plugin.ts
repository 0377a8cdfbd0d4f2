import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mergeManifests } from '../scripts/merge-manifests.ts'
import { request } from './connection.ts'
import type { Connection } from './connection.ts'
import { addressIn } from './ledger.ts'
import { load } from './load.ts'
import { Server } from './server.ts'

type Manifest = {
  readonly entrypoint: readonly string[]
  readonly env: readonly { readonly name: string; readonly value: string }[]
}

/**
 * The plugin as its image starts it: the manifest's flags and environment, and the code compiled into `cache` by an
 * earlier start.
 */
export async function startPlugin(
  folder: string,
  cache: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Server> {
  return await startAsShipped('ipam-plugin/main.ts', folder, {
    ...settings,
    NODE_COMPILE_CACHE: cache,
  })
}

/**
 * Another program with the plugin's flags and environment: what differs then is what it does.
 *
 * @param part the plugin's own part of the manifest
 */
export async function startAsShipped(
  program: string,
  folder: string,
  settings: Readonly<Record<string, string>> = {},
  part = 'ipam-plugin/config.json',
): Promise<Server> {
  const { entrypoint, env } = await manifest(part)
  const flags = entrypoint.slice(entrypoint.findIndex(word => word.endsWith('/node')) + 1, -1)
  const values = Object.fromEntries(env.map(({ name, value }) => [name, value]))
  return await Server.start(folder, [...flags, program], {
    ...values,
    NODE_COMPILE_CACHE: '',
    ...settings,
  })
}

async function manifest(part: string): Promise<Manifest> {
  const read = async (file: string) =>
    JSON.parse(await readFile(join(import.meta.dirname, '..', file), 'utf8')) as Manifest
  return mergeManifests(await read('config.json'), await read(part)) as Manifest
}

/** Fills `cache`: a plugin that ends in good order writes what it compiled. */
export async function compileInto(
  cache: string,
  folder: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  await using plugin = await startPlugin(folder, cache, settings)
  const [connection] = await plugin.connections(1)
  // An answer shows that it is up, signal handlers and all.
  if (connection) await makePool(connection, '192.0.2.0/24')
  connection?.close()
}

/** The plugin from a checkout, without flags and cache. */
export async function startUncached(folder: string): Promise<Server> {
  return await Server.start(folder, ['ipam-plugin/main.ts'])
}

/** Each subnet is a segment of its own. */
export const segmentOf = (subnet: string): string => subnet.replaceAll(/[^0-9a-f]/g, '-')

/** A pool made as the engine makes one: with its gateway. Returns the pool's id. */
export async function makePool(connection: Connection, subnet: string): Promise<string> {
  const options = { 'berth.segment': segmentOf(subnet), 'berth.cooldown': '0' }
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
  const requests = answers.map(answer =>
    request('ReleaseAddress', { PoolID, Address: addressIn(answer) }),
  )
  await load(connections, requests)
}

const hex = (byte: number): string => byte.toString(16).padStart(2, '0')
