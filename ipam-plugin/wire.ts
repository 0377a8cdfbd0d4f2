import * as v from '@badrap/valita'
import { Refusal } from '../shared/refusal.ts'

/**
 * What the engine and an IPAM driver say to each other, as Docker spells it (moby, ipams/remote/api/api.go). Fields
 * that we do not know are the engine's business.
 */

const options = v
  .record(v.string())
  .nullable()
  .optional()
  .map(given => given ?? {})

const requestPool = v.object({
  AddressSpace: v.string(),
  Pool: v.string(),
  SubPool: v.string(),
  Options: options,
  V6: v.boolean(),
})
const releasePool = v.object({ PoolID: v.string() })
const requestAddress = v.object({ PoolID: v.string(), Address: v.string(), Options: options })
const releaseAddress = v.object({ PoolID: v.string(), Address: v.string() })

export type RequestPool = v.Infer<typeof requestPool>
export type RequestAddress = v.Infer<typeof requestAddress>
export type ReleaseAddress = v.Infer<typeof releaseAddress>

export const readRequestPool = reader('RequestPool', requestPool)
export const readReleasePool = reader('ReleasePool', releasePool)
export const readRequestAddress = reader('RequestAddress', requestAddress)
export const readReleaseAddress = reader('ReleaseAddress', releaseAddress)

export type Capabilities = {
  readonly RequiresMACAddress: boolean
  readonly RequiresRequestReplay: boolean
}
export type AddressSpaces = {
  readonly LocalDefaultAddressSpace: string
  readonly GlobalDefaultAddressSpace: string
}
export type PoolAnswer = {
  readonly PoolID: string
  readonly Pool: string
  readonly Data: Readonly<Record<string, string>>
}
/** `Address` with the prefix length of the subnet, never that of the sub-pool: macvlan compares it. */
export type AddressAnswer = {
  readonly Address: string
  readonly Data: Readonly<Record<string, string>>
}

export const OPTION_TYPE = 'RequestAddressType'
export const TYPE_GATEWAY = 'com.docker.network.gateway'
export const OPTION_MAC = 'com.docker.network.endpoint.macaddress'
/** From engine 29 on. */
export const OPTION_NAME = 'com.docker.network.endpoint.name'
/** Sent by swarm managers alone, for networks whose addresses they hand out themselves (overlay). */
export const OPTION_SERIAL = 'com.docker.network.ipam.serial'

function reader<T>(name: string, type: v.Type<T>): (body: unknown) => T {
  return body => {
    const result = type.try(body, { mode: 'strip' })
    if (result.ok) return result.value
    throw new Refusal('bad-request', `Cannot read the request ${name}: ${result.message}`)
  }
}
