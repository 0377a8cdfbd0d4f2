import type { Logger } from 'pino'
import { serveAdmin } from '../shared/admin-server.ts'
import { servePlugin } from '../shared/plugin-server.ts'
import { Startup } from '../shared/startup.ts'
import type { Store } from '../shared/store.ts'
import { adopt } from './adoption.ts'
import type { DefaultPool } from './automatic-pools.ts'
import { BODILESS, ipamMethods } from './driver.ts'
import { startIpam } from './ipam.ts'
import type { Ipam } from './ipam.ts'
import type { Journal } from './journal.ts'
import type { Report } from './membership.ts'
import type { NoteBook } from './notes.ts'
import { ipamRoutes } from './routes.ts'
import { BEAT_EVERY_MS } from './signs-of-life.ts'
import type { Host } from '../shared/host.ts'

/** Where the plugin keeps its state, and as which host. */
export type Storage = {
  readonly store: Store
  /** Whether other hosts use the store too. */
  readonly isShared: boolean
  readonly journal: Journal
  readonly notes: NoteBook
  readonly host: Host
  /** Whether the identity in the state directory was made on another machine. */
  readonly isForeign: boolean
  /** Binds the identity to this machine. */
  adoptIdentity(): Promise<void>
  close(): Promise<void>
}

export type IpamPluginOptions = {
  readonly socket: string
  readonly adminSocket: string
  readonly defaultPools: readonly DefaultPool[]
  readonly log: Logger
  /** Tried again until it succeeds; requests are refused with its reason meanwhile. */
  readonly openStorage: () => Promise<Storage>
  /** @default BEAT_EVERY_MS */
  readonly beatEveryMs?: number
}

type Running = { readonly ipam: Ipam; adopt(): Promise<void>; close(): Promise<void> }

const TEND_EVERY_MS = 2000
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
  const ready = Promise.withResolvers<Startup<Running>>()
  const running = async () => await (await ready.promise).value()
  const started = async () => (await running()).ipam
  const server = await servePlugin({
    socket,
    log,
    methods: ipamMethods(started),
    bodiless: BODILESS,
  })
  const warn = (fault: Error) => log.error({ err: fault }, 'not ready; trying again')
  const startup = new Startup(() => openIpam(options), warn)
  ready.resolve(startup)
  const routes = ipamRoutes(started, async () => await (await running()).adopt())
  const admin = new Startup(() => serveAdmin(adminSocket, routes), warn)
  return async () => {
    await server.close(FINISH_WITHIN_MS)
    await (await admin.stop())?.close(0)
    await (await startup.stop())?.close()
  }
}

async function openIpam(options: IpamPluginOptions): Promise<Running> {
  const { openStorage, defaultPools, log, beatEveryMs = BEAT_EVERY_MS } = options
  const storage = await openStorage()
  try {
    const { store, journal, host } = storage
    let { isForeign } = storage
    const report: Report = (level, message, details) => log[level]({ ...details }, message)
    const barred = () => (isForeign ? FOREIGN : undefined)
    const ipam = await startIpam({ ...storage, defaultPools, report, barred, beatEveryMs })
    log.info({ host: host.id, name: host.name }, 'ready')
    const stopTending = tendNowAndThen(ipam, log)
    return {
      ipam,
      adopt: async () => {
        await storage.adoptIdentity()
        await adopt(store, journal, ipam.registration)
        isForeign = false
        await ipam.pools.load()
        await ipam.membership.tend()
      },
      close: async () => {
        await stopTending()
        await storage.close()
      },
    }
  } catch (error) {
    await storage.close()
    throw error
  }
}

const FOREIGN =
  'The state directory was made on another machine. If this is a copy, stop the plugin, remove berth/ from its state ' +
  'directory and start it again; if this machine replaces the other, run: berth host adopt'

function tendNowAndThen({ membership }: Ipam, log: Logger): () => Promise<void> {
  let tending = Promise.resolve()
  const timer = setInterval(() => {
    tending = membership
      .tend()
      .catch(error => log.warn({ err: error }, 'cannot settle yet; trying again'))
  }, TEND_EVERY_MS)
  return async () => {
    clearInterval(timer)
    await tending
  }
}
