import { once } from 'node:events'
import { join } from 'node:path'
import { bootId } from '../shared/boot-id.ts'
import { etcdOptions } from '../shared/etcd-settings.ts'
import { LevelDatabase } from '../shared/level-database.ts'
import { LevelStore } from '../shared/level-store.ts'
import { openLog } from '../shared/log.ts'
import { readFingerprint } from '../shared/fingerprint.ts'
import { adoptIdentity, readIdentity } from '../shared/identity.ts'
import { LevelJournal } from './level-journal.ts'
import { LevelNotes } from './level-notes.ts'
import { serveIpam } from './plugin.ts'
import type { Storage } from './plugin.ts'
import { readIpamSettings } from './settings.ts'

const settings = readIpamSettings(process.env)
const etcd = etcdOptions(settings)
const log = openLog(settings.LOG_LEVEL)
const state = join(settings.DATA_DIR, 'berth')

async function openStorage(): Promise<Storage> {
  const database = await LevelDatabase.open(join(state, 'ipam', 'db'))
  try {
    const boot = await bootId()
    const machine = await readFingerprint()
    const { id, isForeign } = await readIdentity(join(state, 'host.json'), machine)
    // In the database's folder: whoever moves that away, or puts a copy back, does so with both.
    const file = join(state, 'ipam', 'db', 'berth-journal')
    const store = etcd ? await etcdStore(etcd) : new LevelStore(database, 'store/')
    const journal = await LevelJournal.open(database, file, boot)
    return {
      store,
      isShared: etcd !== undefined,
      journal,
      notes: new LevelNotes(database),
      host: { id, name: settings.HOST_NAME || id, boot, machine },
      isForeign,
      adoptIdentity: () => adoptIdentity(join(state, 'host.json'), machine),
      close: async () => {
        await store.close()
        await journal.close()
        await database.close()
      },
    }
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Loaded only where it is used: it takes as much memory as all the rest. */
async function etcdStore(options: NonNullable<typeof etcd>) {
  const { EtcdStore } = await import('../shared/etcd-store.ts')
  return new EtcdStore({ ...options, log })
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
