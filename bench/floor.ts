import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { LEVEL_OPTIONS } from '../shared/level-database.ts'
import { openLog } from '../shared/log.ts'
import { servePlugin } from '../shared/plugin-server.ts'
import { protocol } from './protocol.ts'
import { USED } from './record.ts'

/**
 * The floor of an allocation: the same server, the same log, and one synced put of a record as long as the plugin's into
 * a LevelDB with the plugin's own options.
 */
const { DATA_DIR = '', PLUGIN_SOCKET = '', FLOOR_PROTOCOL = '' } = process.env
const folder = join(DATA_DIR, 'db')
await mkdir(folder, { recursive: true })
const database = new Level(folder, LEVEL_OPTIONS)
await database.open()
const around = await protocol(DATA_DIR, FLOOR_PROTOCOL)
let count = 0

const server = await servePlugin({
  socket: PLUGIN_SOCKET,
  log: openLog('info'),
  bodiless: [],
  methods: {
    'IpamDriver.RequestAddress': async () => {
      count += 1
      const key = `store/v1/addresses/default/4${count.toString(16).padStart(8, '0')}`
      const value = `${count} ${USED}`
      await around(async () => await database.put(key, value, { sync: true }))
      return { Address: '10.100.100.100/8', Data: {} }
    },
  },
})
await once(process, 'SIGTERM')
await server.close(1000)
await database.close()
