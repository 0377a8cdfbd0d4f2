import * as v from '@badrap/valita'
import { Refusal } from '../shared/refusal.ts'

/**
 * What the engine and a volume driver say to each other, as Docker spells it (moby, daemon/volume/drivers/proxy.go).
 * Fields that we do not know are the engine's business.
 */

const named = v.object({ Name: v.string() })
/** The engine sends null where no option was given. */
const create = v.object({
  Name: v.string(),
  Opts: v
    .record(v.string())
    .nullable()
    .optional()
    .map(given => given ?? {}),
})
/** The engine's are 64 hexadecimal digits. */
const mountId = v
  .string()
  .assert(id => /^[\w.:-]{1,256}$/.test(id) && id !== '__proto__', 'no mount id')
const mount = v.object({ Name: v.string(), ID: mountId })

export const readNamed = reader('of a volume', named)
export const readCreate = reader('Create', create)
export const readMount = reader('of a mount', mount)

export type Capabilities = { readonly Capabilities: { readonly Scope: 'local' | 'global' } }
export type MountAnswer = { readonly Mountpoint: string }
export type GetAnswer = {
  readonly Volume: {
    readonly Name: string
    readonly Mountpoint?: string
    /** RFC 3339: what the engine cannot read as a time makes it forget the volume. */
    readonly CreatedAt: string
    readonly Status: Readonly<Record<string, unknown>>
  }
}
export type ListAnswer = {
  readonly Volumes: readonly { readonly Name: string; readonly Mountpoint?: string }[]
}

function reader<T>(name: string, type: v.Type<T>): (body: unknown) => T {
  return body => {
    const result = type.try(body, { mode: 'strip' })
    if (result.ok) return result.value
    throw new Refusal('bad-request', `Cannot read the request ${name}: ${result.message}`)
  }
}
