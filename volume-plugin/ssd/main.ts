import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { bootId } from '../../shared/boot-id.ts'
import { LevelDatabase } from '../../shared/level-database.ts'
import type { VolumeSettings } from '../settings.ts'
import { LevelClaimBook } from './level-claim-book.ts'
import { LinuxDisks } from './linux-disks.ts'
import { LinuxMounts } from './linux-mounts.ts'
import { selfTest } from './self-test.ts'
import { startSsd } from './ssd.ts'
import type { Ssd } from './ssd.ts'
import { Witness } from './witness.ts'

export type OpenedSsd = Ssd & { close(): Promise<void> }

/** Volumes that are disks, wired to this host. */
export async function openSsd(
  settings: VolumeSettings,
  state: string,
  log: Logger,
  stop: AbortSignal,
): Promise<OpenedSsd> {
  const database = await LevelDatabase.open(join(state, 'db'))
  try {
    const boot = await bootId()
    const peekAt = join(state, 'peek')
    await mkdir(state, { recursive: true, mode: 0o700 })
    await mkdir(settings.MOUNT_ROOT, { recursive: true, mode: 0o711 })
    const lists = [join(state, 'volumes.json'), join(settings.MOUNT_ROOT, '.volumes.json')]
    const claimingOff = await whyNotClaiming(settings)
    const ssd = await startSsd({
      disks: new LinuxDisks({}),
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
      stop,
    })
    const { missing } = ssd.claims
    if (missing.length > 0) log.error({ missing }, 'the records of volumes were lost')
    log.info({ volumes: ssd.claims.allReady().length }, 'ready')
    return { ...ssd, close: async () => await database.close() }
  } catch (error) {
    await database.close()
    throw error
  }
}

async function whyNotClaiming(settings: VolumeSettings): Promise<string | undefined> {
  if (settings.SSD_DEVICES.length === 0) {
    return 'SSD_DEVICES is empty: name the disks that may be taken'
  }
  return await selfTest()
}
