import * as v from '@badrap/valita'
import { request } from 'node:http'
import type { Engine } from './engine.ts'

const Address = v
  .object({
    segment: v.string(),
    address: v.string(),
    state: v.string(),
    hostName: v.string().optional(),
  })
  .rest(v.unknown())
const Addresses = v.object({ addresses: v.array(Address), next: v.string().optional() })
const Use = v.object({ id: v.string(), state: v.string(), networks: v.number() }).rest(v.unknown())
const Pool = v
  .object({
    subnet: v.string(),
    gateway: v.string().optional(),
    hosts: v.array(v.string()),
    here: v.array(Use),
  })
  .rest(v.unknown())
const Pools = v.object({ pools: v.array(Pool) })
const Self = v
  .object({
    state: v.string(),
    reason: v.string().optional(),
    queuedReleases: v.number(),
    lost: v.array(v.object({ address: v.string() }).rest(v.unknown())),
  })
  .rest(v.unknown())

export type BerthAddress = v.Infer<typeof Address>
export type BerthPool = v.Infer<typeof Pool>
export type BerthSelf = v.Infer<typeof Self>

/** What Berth itself says, through its admin socket. */
export async function berthAddresses(engine: Engine): Promise<readonly BerthAddress[]> {
  const all: BerthAddress[] = []
  let after: string | undefined
  do {
    const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`
    const answer = await ask(engine, 'GET', `/v1/addresses${query}`)
    const page = Addresses.parse(answer, { mode: 'passthrough' })
    all.push(...page.addresses)
    after = page.next
  } while (after !== undefined)
  return all
}

export async function berthPools(engine: Engine): Promise<readonly BerthPool[]> {
  return Pools.parse(await ask(engine, 'GET', '/v1/pools'), { mode: 'passthrough' }).pools
}

/** How the instance on the engine's host is. */
export async function berthSelf(engine: Engine): Promise<BerthSelf> {
  return Self.parse(await ask(engine, 'GET', '/v1/self'), { mode: 'passthrough' })
}

/** Asks the instance on the engine's host to evict another: by its name, or its id. */
export async function evict(engine: Engine, host: string): Promise<void> {
  await ask(engine, 'POST', `/v1/hosts/${host}/evict`, { force: true })
}

function ask(
  engine: Engine,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<unknown> {
  const socketPath = engine.host.path('var-lib/berth/ipam/admin.sock')
  const headers = body ? { 'content-type': 'application/json' } : {}
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, headers, timeout: 30_000 }, answer => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('error', reject)
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString()
        if (answer.statusCode === 200) resolve(JSON.parse(text))
        else reject(new Error(`${method} ${path}: ${answer.statusCode}: ${text}`))
      })
    })
    asked.on('timeout', () => asked.destroy(new Error(`${method} ${path}: no answer within 30 s`)))
    asked.on('error', reject)
    asked.end(body && JSON.stringify(body))
  })
}
