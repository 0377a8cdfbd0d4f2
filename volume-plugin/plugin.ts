import type { Logger } from 'pino'
import { serveAdmin } from '../shared/admin-server.ts'
import type { Routes } from '../shared/admin-server.ts'
import { servePlugin } from '../shared/plugin-server.ts'
import { Startup } from '../shared/startup.ts'
import { within } from '../shared/within.ts'
import { BODILESS, volumeMethods } from './driver.ts'
import type { Volumes } from './volumes.ts'

export type VolumePluginOptions<T extends Opened> = {
  readonly scope: Volumes['scope']
  readonly socket: string
  readonly adminSocket: string
  readonly log: Logger
  /** Tried again until it succeeds; connections are dropped meanwhile, and the operator is told why. */
  readonly open: () => Promise<T>
  /** What an operator may see and do. */
  readonly routes: (started: () => Promise<T>) => Routes
}

/** The state of a plugin, once it is read. */
export type Opened = {
  readonly volumes: Volumes
  /** Does what is due; called every few seconds, also while an earlier call goes on. */
  tend(): Promise<void>
  /** Resolves when none of the work that nobody waits for is under way. */
  idle(): Promise<void>
  close(): Promise<void>
}

const TEND_EVERY_MS = 5000
/** For requests, and then for work that nobody waits for: the engine kills ten seconds after it asked. */
const FINISH_WITHIN_MS = 4000

/**
 * Listens first, opens its state afterwards: the engine disables a plugin that listens late.
 *
 * @throws {Error} where the socket cannot be listened at
 * @returns what stops it: no more requests, those under way finished, the state closed; what is mounted stays mounted
 */
export async function serveVolumes<T extends Opened>(
  options: VolumePluginOptions<T>,
): Promise<() => Promise<void>> {
  const { scope, socket, adminSocket, log, routes } = options
  const ready = Promise.withResolvers<Startup<Tended<T>>>()
  const started = async () => (await (await ready.promise).value()).opened
  const server = await servePlugin({
    socket,
    log,
    methods: volumeMethods(scope, async () => (await started()).volumes),
    bodiless: BODILESS,
    unreadable: 'drop',
  })
  const warn = (fault: Error) => log.error({ err: fault }, 'not ready; trying again')
  const startup = new Startup(async () => await openAndTend(options), warn)
  ready.resolve(startup)
  const admin = new Startup(() => serveAdmin(adminSocket, routes(started)), warn)
  return async () => {
    await server.close(FINISH_WITHIN_MS)
    await (await admin.stop())?.close(0)
    await (await startup.stop())?.close()
  }
}

type Tended<T> = { readonly opened: T; close(): Promise<void> }

async function openAndTend<T extends Opened>(options: VolumePluginOptions<T>): Promise<Tended<T>> {
  const { open, log } = options
  const opened = await open()
  let reported = ''
  const tend = () =>
    void opened.tend().then(
      () => (reported = ''),
      (error: Error) => {
        if (error.message !== reported) log.error({ err: error }, 'cannot tend yet')
        reported = error.message
      },
    )
  tend()
  const timer = setInterval(tend, TEND_EVERY_MS)
  return {
    opened,
    close: async () => {
      clearInterval(timer)
      await within(opened.idle(), FINISH_WITHIN_MS)
      await opened.close()
    },
  }
}
