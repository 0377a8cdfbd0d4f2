import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { bootId } from '../../../../shared/boot-id.ts'
import { LevelDatabase } from '../../../../shared/level-database.ts'
import { openLog } from '../../../../shared/log.ts'
import { serveVolumes } from '../../../../volume-plugin/plugin.ts'
import { readVolumeSettings } from '../../../../volume-plugin/settings.ts'
import type { Disks } from '../../../../volume-plugin/ssd/disks.ts'
import { LevelClaimBook } from '../../../../volume-plugin/ssd/level-claim-book.ts'
import { LinuxDisks } from '../../../../volume-plugin/ssd/linux-disks.ts'
import { LinuxMounts } from '../../../../volume-plugin/ssd/linux-mounts.ts'
import { ssdRoutes } from '../../../../volume-plugin/ssd/routes.ts'
import { startSsd } from '../../../../volume-plugin/ssd/ssd.ts'
import type { Ssd } from '../../../../volume-plugin/ssd/ssd.ts'
import { Witness } from '../../../../volume-plugin/ssd/witness.ts'
import { withFault } from './doubles.ts'
import { Steps } from './steps.ts'
import type { KillAt, When } from './steps.ts'

/**
 * The plugin wired as its main is, but for what a test asks of it:
 * - `CALLS`: a file to which every call of the ports that changes something is written, before it is made.
 * - `KILL_AT`: "7:before", or "hold.format:after": SIGKILL around the seventh of these calls, or around the first whose text
 *   begins so. A message `{ call, when }` from the parent is the same, counted from then on.
 * - `BOOT`: stands for the kernel's boot id.
 * - `DOUBLE`: the fault that it has, see doubles.ts.
 * - `TEND_MS`: tends that often besides.
 */
const { CALLS = '/dev/null', KILL_AT, BOOT, DOUBLE, TEND_MS } = process.env

const settings = readVolumeSettings(process.env)
const log = openLog(settings.LOG_LEVEL)
const state = join(settings.DATA_DIR, 'berth', 'ssd')
const steps = new Steps(CALLS, readKillAt(KILL_AT))
await steps.stepFiles()

process.on('message', (message: KillAt) => {
  steps.arm(message)
  process.send?.('armed')
})
// Whoever started this is gone, and nobody would end it.
process.on('disconnect', () => process.exit(1))

await serveVolumes({
  scope: 'local',
  socket: settings.PLUGIN_SOCKET,
  adminSocket: join(state, 'admin.sock'),
  log,
  open,
  routes: ssdRoutes,
})
log.info('listening')

async function open() {
  const database = await LevelDatabase.open(join(state, 'db'))
  try {
    return { ...(await start(database)), close: async () => await database.close() }
  } catch (error) {
    await database.close()
    throw error
  }
}

async function start(database: LevelDatabase): Promise<Ssd> {
  const boot = BOOT ?? (await bootId())
  const peekAt = join(state, 'peek')
  await mkdir(state, { recursive: true, mode: 0o700 })
  await mkdir(settings.MOUNT_ROOT, { recursive: true, mode: 0o711 })
  const lists = [join(state, 'volumes.json'), join(settings.MOUNT_ROOT, '.volumes.json')]
  const ssd = await startSsd({
    ...withFault(DOUBLE, {
      disks: withHolds(new LinuxDisks({})),
      book: steps.stepped('book', new LevelClaimBook(database, await Witness.open(lists), boot)),
    }),
    mounts: steps.stepped('mounts', new LinuxMounts({})),
    policy: { devices: settings.SSD_DEVICES, deny: [], allowLoop: true },
    isAnonymousAllowed: false,
    retainMs: settings.RETAIN,
    host: settings.HOST_NAME,
    boot,
    mountRoot: settings.MOUNT_ROOT,
    peekAt,
    claimingOff: () => undefined,
    stop: new AbortController().signal,
  })
  const tend = async (): Promise<void> => {
    await ssd.tend()
    log.info('tended')
  }
  if (TEND_MS) setInterval(() => void tend().catch(() => {}), Number(TEND_MS))
  return { ...ssd, tend }
}

function withHolds(disks: LinuxDisks): Disks {
  const hold = disks.hold.bind(disks)
  disks.hold = async disk => {
    const held = await hold(disk)
    return held.held ? steps.stepped('hold', held) : held
  }
  return steps.stepped('disks', disks)
}

function readKillAt(text: string | undefined): KillAt | undefined {
  const [call, when] = text?.split(':') ?? []
  if (call === undefined || when === undefined) return undefined
  return { call: /^\d+$/.test(call) ? Number(call) : call, when: when as When }
}
