import { once } from 'node:events'
import { join } from 'node:path'
import { openLog } from '../shared/log.ts'
import { serveVolumes } from './plugin.ts'
import { readVolumeSettings } from './settings.ts'

const settings = readVolumeSettings(process.env)
const log = openLog(settings.LOG_LEVEL)
const state = join(settings.DATA_DIR, 'berth', settings.MODE)
const stopping = new AbortController()
const served = { socket: settings.PLUGIN_SOCKET, adminSocket: join(state, 'admin.sock'), log }

const stop = settings.MODE === 'ssd' ? await serveSsd() : await serveCluster()
log.info({ socket: settings.PLUGIN_SOCKET }, 'listening')
await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
stopping.abort()
await stop()

/** Each mode loads only what it needs. */
async function serveSsd(): Promise<() => Promise<void>> {
  const { openSsd } = await import('./ssd/main.ts')
  const { ssdRoutes } = await import('./ssd/routes.ts')
  const open = async () => await openSsd(settings, state, log, stopping.signal)
  return await serveVolumes({ ...served, scope: 'local', open, routes: ssdRoutes })
}

async function serveCluster(): Promise<() => Promise<void>> {
  const { openCluster } = await import('./cluster/main.ts')
  const { clusterRoutes } = await import('./cluster/routes.ts')
  const open = async () => await openCluster(settings, state, log, stopping.signal)
  return await serveVolumes({ ...served, scope: 'global', open, routes: clusterRoutes })
}
