import { Claims } from '../../../ipam-plugin/claims.ts'
import { addressKey } from '../../../ipam-plugin/keys.ts'
import { write } from '../../../ipam-plugin/records.ts'
import { EtcdStore } from '../../../shared/etcd-store.ts'
import { replaceMethod } from './replace-method.ts'

/** Deliberately broken: an address becomes free when anybody releases it, whoever has it. */

let store: EtcdStore | undefined
replaceMethod(EtcdStore.prototype, 'get', (get, self) => async key => {
  store = self
  return await get(key)
})

replaceMethod(Claims.prototype, 'release', release => async (here, address) => {
  const result = await release(here, address)
  if (result === 'not-held') {
    const key = addressKey(here.pool.segment, address)
    const value = write({ state: 'idle', until: Date.now() + here.cooldownMs })
    await store?.commit({ require: [], write: [{ put: key, value }] })
  }
  return result
})
