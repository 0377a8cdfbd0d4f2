import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { openLog } from '../shared/log.ts'
import { servePlugin } from '../shared/plugin-server.ts'
import { at, EtcdClient, put, read } from './etcd-client.ts'
import { protocol } from './protocol.ts'
import { USED } from './record.ts'

/**
 * The floor of an allocation on etcd: the same server, the same log, the same client, and one bare transaction with the
 * conditions of a claim (the address is absent; the host's record, its last sign of life and the gate of recoveries are as
 * they were), a put of a record as long as the plugin's, and what tells a loser why. Each process writes keys of its own.
 */
const { DATA_DIR = '', ETCD_ENDPOINTS = '', PLUGIN_SOCKET = '', FLOOR_PROTOCOL = '' } = process.env
const etcd = await EtcdClient.open(ETCD_ENDPOINTS)
const me = randomUUID()
const own = [`/floor/v1/hosts/${me}`, `/floor/v1/seen/${me}`]
const { header } = await etcd.txn({ success: own.map(key => put(key, USED)) })
const gate = `/floor/v1/recovery/${me}`
const registered = [...own.map(key => at(key, header.revision)), at(gate, '0')]
const whyLost = [...own, gate].map(read)
const around = await protocol(DATA_DIR, FLOOR_PROTOCOL)
let count = 0

const server = await servePlugin({
  socket: PLUGIN_SOCKET,
  log: openLog('info'),
  bodiless: [],
  methods: {
    'IpamDriver.RequestAddress': async () => {
      count += 1
      const number = count.toString(16).padStart(8, '0')
      const key = `/floor/v1/addresses/${me.slice(0, 8)}/4${number}`
      const transaction = {
        compare: [at(key, '0'), ...registered],
        success: [put(key, USED)],
        failure: [read(key), ...whyLost],
      }
      const { succeeded } = await around(async () => await etcd.txn(transaction))
      if (!succeeded) throw new Error(`Somebody else wrote ${key}`)
      return { Address: `${me.slice(0, 8)}-${number}`, Data: {} }
    },
  },
})
await once(process, 'SIGTERM')
await server.close(1000)
etcd.close()
