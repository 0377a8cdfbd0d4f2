import type { Logger } from 'pino'
import { serveAdmin } from '../shared/admin-server.ts'
import type { Routes } from '../shared/admin-server.ts'
import { servePlugin } from '../shared/plugin-server.ts'
import { Startup } from '../shared/startup.ts'
import type { Store } from '../shared/store.ts'
import { BODILESS, ipamMethods } from './driver.ts'
import { startIpam } from './ipam.ts'
import type { Ipam } from './ipam.ts'
import type { Journal } from './journal.ts'
import type { DefaultPool } from './pools.ts'
import type { Host } from './host.ts'
import { ipamViews } from './views.ts'

/** Where the plugin keeps its state, and as which host. */
export type Storage = {
  readonly store: Store
  readonly journal: Journal
  readonly host: Host
  close(): Promise<void>
}

export type IpamPluginOptions = {
  readonly socket: string
  readonly adminSocket: string
  readonly defaultPools: readonly DefaultPool[]
  readonly log: Logger
  /** Tried again until it succeeds; requests are refused with its reason meanwhile. */
  readonly openStorage: () => Promise<Storage>
}

const SETTLE_EVERY_MS = 2000
/** The engine kills ten seconds after it asked. */
const FINISH_WITHIN_MS = 8000

/**
 * Listens first, opens its state afterwards: the engine disables a plugin that listens late.
 *
 * @throws {Error} where the socket cannot be listened at
 * @returns what stops it: no more requests, those under way finished, the state closed
 */
export async function serveIpam(options: IpamPluginOptions): Promise<() => Promise<void>> {
  const { socket, adminSocket, log } = options
  const ready = Promise.withResolvers<Startup<{ ipam: Ipam; close: () => Promise<void> }>>()
  const started = async () => (await (await ready.promise).value()).ipam
  const server = await servePlugin({
    socket,
    log,
    methods: ipamMethods(started),
    bodiless: BODILESS,
  })
  const warn = (fault: Error) => log.error({ err: fault }, 'not ready; trying again')
  const startup = new Startup(() => openIpam(options), warn)
  ready.resolve(startup)
  const admin = new Startup(() => serveAdmin(adminSocket, routesOf(started)), warn)
  return async () => {
    await server.close(FINISH_WITHIN_MS)
    await (await admin.stop())?.close(0)
    await (await startup.stop())?.close()
  }
}

function routesOf(started: () => Promise<Ipam>): Routes {
  const views = Object.entries(ipamViews(started))
  return Object.fromEntries(views.map(([path, view]) => [`GET ${path}`, view]))
}

async function openIpam({ openStorage, defaultPools, log }: IpamPluginOptions) {
  const storage = await openStorage()
  try {
    const ipam = await startIpam(storage.store, storage.journal, storage.host, defaultPools)
    log.info({ host: storage.host.id, name: storage.host.name }, 'ready')
    const stopSettling = settleNowAndThen(ipam, log)
    return {
      ipam,
      close: async () => {
        await stopSettling()
        await storage.close()
      },
    }
  } catch (error) {
    await storage.close()
    throw error
  }
}

function settleNowAndThen(ipam: Ipam, log: Logger): () => Promise<void> {
  let settling = Promise.resolve()
  const timer = setInterval(() => {
    settling = ipam
      .settle()
      .catch(error => log.warn({ err: error }, 'cannot settle yet; trying again'))
  }, SETTLE_EVERY_MS)
  return async () => {
    clearInterval(timer)
    await settling
  }
}
