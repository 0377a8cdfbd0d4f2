import type { Logger } from 'pino'
import { serveAdmin } from '../shared/admin-server.ts'
import { servePlugin } from '../shared/plugin-server.ts'
import { Startup } from '../shared/startup.ts'
import { within } from '../shared/within.ts'
import { BODILESS, volumeMethods } from './driver.ts'
import { ssdRoutes } from './ssd/routes.ts'
import type { Ssd } from './ssd/ssd.ts'

export type VolumePluginOptions = {
  readonly socket: string
  readonly adminSocket: string
  readonly log: Logger
  /** Tried again until it succeeds; connections are dropped meanwhile, and the operator is told why. */
  readonly open: () => Promise<Opened>
}

export type Opened = { readonly ssd: Ssd; close(): Promise<void> }

const TEND_EVERY_MS = 5000
/** For requests, and then for work that nobody waits for: the engine kills ten seconds after it asked. */
const FINISH_WITHIN_MS = 4000

/**
 * Listens first, opens its state afterwards: the engine disables a plugin that listens late.
 *
 * @throws {Error} where the socket cannot be listened at
 * @returns what stops it: no more requests, those under way finished, the state closed; what is mounted stays mounted
 */
export async function serveVolumes(options: VolumePluginOptions): Promise<() => Promise<void>> {
  const { socket, adminSocket, log } = options
  const ready = Promise.withResolvers<Startup<Opened>>()
  const started = async () => (await (await ready.promise).value()).ssd
  const server = await servePlugin({
    socket,
    log,
    methods: volumeMethods('local', async () => (await started()).volumes),
    bodiless: BODILESS,
    unreadable: 'drop',
  })
  const warn = (fault: Error) => log.error({ err: fault }, 'not ready; trying again')
  const startup = new Startup(async () => await openAndTend(options), warn)
  ready.resolve(startup)
  const admin = new Startup(() => serveAdmin(adminSocket, ssdRoutes(started)), warn)
  return async () => {
    await server.close(FINISH_WITHIN_MS)
    await (await admin.stop())?.close(0)
    await (await startup.stop())?.close()
  }
}

async function openAndTend({ open, log }: VolumePluginOptions): Promise<Opened> {
  const opened = await open()
  const { ssd } = opened
  const { missing } = ssd.claims
  if (missing.length > 0) log.error({ missing }, 'the records of volumes were lost')
  log.info({ volumes: ssd.claims.allReady().length }, 'ready')
  const tend = () => void ssd.tend().catch(error => log.warn({ err: error }, 'cannot tend yet'))
  tend()
  const timer = setInterval(tend, TEND_EVERY_MS)
  return {
    ssd,
    close: async () => {
      clearInterval(timer)
      await within(ssd.keeping.idle(), FINISH_WITHIN_MS)
      await opened.close()
    },
  }
}
