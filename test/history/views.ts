import * as v from '@badrap/valita'
import type { Instance } from './instance.ts'

const hosts = v.object({ hosts: v.array(v.object({ self: v.boolean(), state: v.string() })) })
const self = v.object({ state: v.string(), lost: v.array(v.object({ address: v.string() })) })
const recovery = v.object({ open: v.boolean() })

/** What a host that is registered and serves says that it lost; undefined while it is on its way there. */
export async function lostBy(instance: Instance): Promise<string[] | undefined> {
  const known = await view(instance, '/v1/hosts', hosts)
  const here = await view(instance, '/v1/self', self)
  const isActive = known?.hosts.some(host => host.self && host.state === 'active')
  if (!isActive || here?.state !== 'serving') return undefined
  return here.lost.map(({ address }) => address)
}

export async function view<T>(
  instance: Instance,
  path: string,
  type: v.Type<T>,
): Promise<T | undefined> {
  const answer = await instance.admin('GET', path).catch(() => undefined)
  return answer?.status === 200 ? type.parse(answer.body, { mode: 'strip' }) : undefined
}

/** Whether no recovery is under way any more, as far as the instance can tell. */
export async function isRecovered(instance: Instance): Promise<boolean> {
  return (await view(instance, '/v1/recovery', recovery))?.open === false
}
