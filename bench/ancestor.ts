import { once } from 'node:events'
import { openLog } from '../shared/log.ts'
import { servePlugin } from '../shared/plugin-server.ts'
import { at, EtcdClient, put, remove } from './etcd-client.ts'
import { USED } from './record.ts'

/**
 * The scheme of the first plugin of this kind (2016), as a row to beat: list the pool's free addresses, take the lowest,
 * see that nobody has it, delete it from the pool, write it as assigned. The original fails where the delete finds
 * nothing; here the lost race is told in the answer, and it is tried again. Same server, same client, same record.
 */
const { ETCD_ENDPOINTS = '', PLUGIN_SOCKET = '' } = process.env
const POOL = '/ancestor/pool/'
const POOL_END = '/ancestor/pool0'
const ASSIGNED = '/ancestor/assigned/'
const GIVE_UP_MS = 15_000
const etcd = await EtcdClient.open(ETCD_ENDPOINTS)

async function allocate(): Promise<{ Address: string; Data: { races: number } }> {
  const deadline = performance.now() + GIVE_UP_MS
  for (let races = 0; performance.now() < deadline; races++) {
    const free = await etcd.range({
      key: Buffer.from(POOL),
      range_end: Buffer.from(POOL_END),
      keys_only: true,
    })
    const lowest = free.kvs[0]
    if (!lowest) throw new Error('The pool is empty')
    const address = lowest.key.toString().slice(POOL.length)
    const assigned = await etcd.range({ key: Buffer.from(ASSIGNED + address) })
    if (assigned.kvs.length === 0) {
      const { succeeded } = await etcd.txn({
        compare: [at(POOL + address, lowest.mod_revision)],
        success: [remove(POOL + address)],
      })
      if (succeeded) {
        await etcd.txn({ success: [put(ASSIGNED + address, USED)] })
        return { Address: address, Data: { races } }
      }
    }
  }
  throw new Error(`Each address was lost to somebody else for ${GIVE_UP_MS / 1000} s`)
}

const server = await servePlugin({
  socket: PLUGIN_SOCKET,
  log: openLog('info'),
  bodiless: [],
  methods: { 'IpamDriver.RequestAddress': allocate },
})
await once(process, 'SIGTERM')
await server.close(1000)
etcd.close()
