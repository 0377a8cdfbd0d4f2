import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { LEVEL_OPTIONS } from '../shared/level-database.ts'
import { openLog } from '../shared/log.ts'
import { servePlugin } from '../shared/plugin-server.ts'
import { write } from '../ipam-plugin/records.ts'
import type { PoolId } from '../ipam-plugin/pool-id.ts'

/**
 * The floor of an allocation: the same server, the same log, and one synced put of a record as long as the plugin's into
 * a LevelDB with the plugin's own options.
 */
const { DATA_DIR = '', PLUGIN_SOCKET = '' } = process.env
const uuid = '00000000-0000-4000-8000-000000000000'
const record = write({
  state: 'used',
  pool: 'default~10.0.0.0/8~-' as PoolId,
  host: uuid,
  hostName: uuid,
  generation: 1,
  op: uuid,
  boot: uuid,
  mac: '02:42:0a:00:00:01',
  since: new Date(0).toISOString(),
})
const folder = join(DATA_DIR, 'db')
await mkdir(folder, { recursive: true })
const database = new Level(folder, LEVEL_OPTIONS)
await database.open()
let count = 0

const server = await servePlugin({
  socket: PLUGIN_SOCKET,
  log: openLog('info'),
  bodiless: [],
  methods: {
    'IpamDriver.RequestAddress': async () => {
      count += 1
      const key = `store/v1/addresses/default/4${count.toString(16).padStart(8, '0')}`
      await database.put(key, `${count} ${record}`, { sync: true })
      return { Address: '10.100.100.100/8', Data: {} }
    },
  },
})
await once(process, 'SIGTERM')
await server.close(1000)
await database.close()
