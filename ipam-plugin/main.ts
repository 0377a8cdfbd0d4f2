import { once } from 'node:events'
import { join } from 'node:path'
import { bootId } from '../shared/boot-id.ts'
import { LevelDatabase } from '../shared/level-database.ts'
import { LevelStore } from '../shared/level-store.ts'
import { openLog } from '../shared/log.ts'
import { hostId } from './identity.ts'
import { LevelJournal } from './level-journal.ts'
import { serveIpam } from './plugin.ts'
import type { Storage } from './plugin.ts'
import { readIpamSettings } from './settings.ts'

const settings = readIpamSettings(process.env)
const log = openLog(settings.LOG_LEVEL)
const state = join(settings.DATA_DIR, 'berth')

async function openStorage(): Promise<Storage> {
  const database = await LevelDatabase.open(join(state, 'ipam', 'db'))
  try {
    const boot = await bootId()
    const id = await hostId(join(state, 'host.json'))
    // In the database's folder: whoever moves that away, or puts a copy back, does so with both.
    const file = join(state, 'ipam', 'db', 'berth-journal')
    const journal = await LevelJournal.open(database, file, boot)
    return {
      store: new LevelStore(database, 'store/'),
      journal,
      host: { id, name: settings.HOST_NAME || id, boot },
      close: async () => {
        await journal.close()
        await database.close()
      },
    }
  } catch (error) {
    await database.close()
    throw error
  }
}

const stop = await serveIpam({
  socket: settings.PLUGIN_SOCKET,
  adminSocket: join(state, 'ipam', 'admin.sock'),
  defaultPools: settings.DEFAULT_POOLS,
  log,
  openStorage,
})
log.info({ socket: settings.PLUGIN_SOCKET }, 'listening')
await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
await stop()
