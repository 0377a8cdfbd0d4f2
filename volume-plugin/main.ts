import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { bootId } from '../shared/boot-id.ts'
import { LevelDatabase } from '../shared/level-database.ts'
import { openLog } from '../shared/log.ts'
import { serveVolumes } from './plugin.ts'
import type { Opened } from './plugin.ts'
import { readVolumeSettings } from './settings.ts'
import { LevelClaimBook } from './ssd/level-claim-book.ts'
import { LinuxDisks } from './ssd/linux-disks.ts'
import { LinuxMounts } from './ssd/linux-mounts.ts'
import { selfTest } from './ssd/self-test.ts'
import { startSsd } from './ssd/ssd.ts'
import { Witness } from './ssd/witness.ts'

const settings = readVolumeSettings(process.env)
const log = openLog(settings.LOG_LEVEL)
const state = join(settings.DATA_DIR, 'berth', 'ssd')
const stopping = new AbortController()

async function open(): Promise<Opened> {
  const database = await LevelDatabase.open(join(state, 'db'))
  try {
    const boot = await bootId()
    const peekAt = join(state, 'peek')
    await mkdir(state, { recursive: true, mode: 0o700 })
    await mkdir(settings.MOUNT_ROOT, { recursive: true, mode: 0o711 })
    const lists = [join(state, 'volumes.json'), join(settings.MOUNT_ROOT, '.volumes.json')]
    const disks = new LinuxDisks({})
    const claimingOff = await whyNotClaiming()
    const ssd = await startSsd({
      disks,
      mounts: new LinuxMounts({}),
      book: new LevelClaimBook(database, await Witness.open(lists), boot),
      policy: {
        devices: settings.SSD_DEVICES,
        deny: settings.SSD_DENY,
        allowLoop: settings.SSD_ALLOW_LOOP,
      },
      isAnonymousAllowed: settings.SSD_ANONYMOUS,
      retainMs: settings.RETAIN,
      host: settings.HOST_NAME,
      boot,
      mountRoot: settings.MOUNT_ROOT,
      peekAt,
      claimingOff: () => claimingOff,
      stop: stopping.signal,
    })
    return { ssd, close: async () => await database.close() }
  } catch (error) {
    await database.close()
    throw error
  }
}

async function whyNotClaiming(): Promise<string | undefined> {
  if (settings.SSD_DEVICES.length === 0) {
    return 'SSD_DEVICES is empty: name the disks that may be taken'
  }
  return await selfTest()
}

const stop = await serveVolumes({
  socket: settings.PLUGIN_SOCKET,
  adminSocket: join(state, 'admin.sock'),
  log,
  open,
})
log.info({ socket: settings.PLUGIN_SOCKET }, 'listening')
await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
stopping.abort()
await stop()
