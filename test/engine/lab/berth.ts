import * as v from '@badrap/valita'
import { request } from 'node:http'
import type { Engine } from './engine.ts'

const Addresses = v.object({
  addresses: v.array(
    v.object({ segment: v.string(), address: v.string(), state: v.string() }).rest(v.unknown()),
  ),
})
const Use = v.object({ id: v.string(), state: v.string(), networks: v.number() }).rest(v.unknown())
const Pools = v.object({
  pools: v.array(v.object({ subnet: v.string(), here: v.array(Use) }).rest(v.unknown())),
})

export type BerthAddress = v.Infer<typeof Addresses>['addresses'][number]
export type BerthPool = v.Infer<typeof Pools>['pools'][number]

/** What Berth itself says, through its admin socket. */
export async function berthAddresses(engine: Engine): Promise<readonly BerthAddress[]> {
  return Addresses.parse(await ask(engine, '/v1/addresses'), { mode: 'passthrough' }).addresses
}

export async function berthPools(engine: Engine): Promise<readonly BerthPool[]> {
  return Pools.parse(await ask(engine, '/v1/pools'), { mode: 'passthrough' }).pools
}

function ask(engine: Engine, path: string): Promise<unknown> {
  const socketPath = engine.host.path('var-lib/berth/ipam/admin.sock')
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, timeout: 5_000 }, answer => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('error', reject)
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString()
        if (answer.statusCode === 200) resolve(JSON.parse(text))
        else reject(new Error(`${path}: ${answer.statusCode}: ${text}`))
      })
    })
    asked.on('timeout', () => asked.destroy(new Error(`${path}: no answer within 5 s`)))
    asked.on('error', reject)
    asked.end()
  })
}
