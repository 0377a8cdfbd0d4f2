import t from 'tap'
import type { Test } from 'tap'
import { EtcdStore } from '../../shared/etcd-store.ts'
import type { EtcdOptions } from '../../shared/etcd-options.ts'
import { Etcd } from '../etcd/etcd.ts'
import { storeContract } from './store-contract.ts'
import type { World } from './store-contract.ts'

t.setTimeout(120_000)

const PASSWORD = 'a password, with = and "'

const single = await Etcd.start(t)
const cluster = await Etcd.start(t, { members: 3 })
const secured = await Etcd.start(t, { tls: true, rootPassword: PASSWORD })

const securedOptions = {
  ...secured.certificates,
  username: 'root',
  password: PASSWORD,
}

await storeContract(t, 'etcd, one process,', worldOn(single))
await storeContract(t, 'etcd, three members,', worldOn(cluster))
await storeContract(t, 'etcd with TLS and a password', worldOn(secured, securedOptions))

await t.test('errors made elsewhere have their stacks, also while etcd is asked', async t => {
  const { store } = await worldOn(single)(t)
  await store.get('a')
  const asked = store.get('a')
  t.match(new Error('meanwhile').stack, /etcd-store\.test\.ts/)
  await asked
  t.match(new Error('afterwards').stack, /etcd-store\.test\.ts/)
})

/** Each world is a prefix of its own; instances of one world talk to different members. */
function worldOn(etcd: Etcd, options: Partial<EtcdOptions> = {}) {
  return async (t: Test): Promise<World> => {
    const prefix = `/${crypto.randomUUID()}`
    let opened = 0
    const open = async () => {
      const first = opened++ % etcd.urls.length
      const endpoints = [...etcd.urls.slice(first), ...etcd.urls.slice(0, first)]
      const store = new EtcdStore({ endpoints, prefix, ...options })
      t.teardown(async () => await store.close())
      return store
    }
    const store = await open()
    return {
      store,
      another: open,
      reopen: async () => {
        await store.close()
        return await open()
      },
    }
  }
}
