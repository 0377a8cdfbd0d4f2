import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { bootId } from '../../shared/boot-id.ts'
import { etcdOptions } from '../../shared/etcd-settings.ts'
import { readFingerprint } from '../../shared/fingerprint.ts'
import { adoptIdentity, readIdentity } from '../../shared/identity.ts'
import { LevelDatabase } from '../../shared/level-database.ts'
import { LevelStore } from '../../shared/level-store.ts'
import { within } from '../../shared/within.ts'
import type { VolumeSettings } from '../settings.ts'
import { startCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import { LevelClusterBook } from './level-cluster-book.ts'
import { LinuxBinds } from './linux-binds.ts'
import { LinuxFiles } from './linux-files.ts'
import type { RootView } from './root.ts'

export type OpenedCluster = Cluster & {
  /** What is mounted at CLUSTER_ROOT, and what is wrong with it. */
  readonly rootView: () => Promise<RootView>
  /** The operator's word that this machine is the host that the store knows. */
  readonly adoptIdentity: () => Promise<void>
  close(): Promise<void>
}

/** Volumes that are folders of the cluster file system, wired to this host. */
export async function openCluster(
  settings: VolumeSettings,
  state: string,
  log: Logger,
  stop: AbortSignal,
): Promise<OpenedCluster> {
  const database = await LevelDatabase.open(join(state, 'db'))
  try {
    const identity = join(settings.DATA_DIR, 'berth', 'host.json')
    const machine = await readFingerprint()
    const { id, ...read } = await readIdentity(identity, machine)
    let { isForeign } = read
    const boot = await bootId()
    const host = { id, name: settings.HOST_NAME, boot, machine }
    await mkdir(settings.MOUNT_ROOT, { recursive: true, mode: 0o711 })
    const etcd = etcdOptions(settings)
    const store = etcd ? await etcdStore(etcd, log) : new LevelStore(database, 'store/')
    const files = new LinuxFiles({
      root: settings.CLUSTER_ROOT,
      mount: settings.CLUSTER_MOUNT,
      types: settings.CLUSTER_FSTYPE,
      expected: () => cluster.expected(),
      stop,
    })
    const cluster = await startCluster({
      host,
      barred: () => (isForeign ? FOREIGN : undefined),
      store,
      book: new LevelClusterBook(database, boot),
      files,
      binds: new LinuxBinds(),
      mountRoot: settings.MOUNT_ROOT,
      retainMs: settings.RETAIN,
      clusterId: settings.CLUSTER_ID,
      lost: (volume, why) => log.error({ volume, why }, LOST),
    })
    const close = async (): Promise<void> => {
      await store.close()
      await database.close()
    }
    // A host that boots mounts at once what its containers have, and does not try again.
    await within(
      cluster.tend().catch(() => {}),
      REGISTER_FIRST_MS,
    )
    const { ok, why } = await files.view()
    if (!ok) log.error({ why }, 'nothing can be mounted yet')
    log.info({ volumes: cluster.mirror.all().length }, 'ready')
    return {
      ...cluster,
      rootView: async () => await files.view(),
      adoptIdentity: async () => {
        await adoptIdentity(identity, machine)
        isForeign = false
      },
      close,
    }
  } catch (error) {
    await database.close()
    throw error
  }
}

const REGISTER_FIRST_MS = 2000
const LOST =
  'This host had the volume mounted, and it was taken from it: containers here that still run go on writing to it. Stop them'
const FOREIGN =
  'The state directory comes from another machine: a copy would take the volumes of the original. If this machine is that host, and the other is gone, run: berth cluster adopt'

/** Loaded only where it is used: it takes as much memory as all the rest. */
async function etcdStore(options: NonNullable<ReturnType<typeof etcdOptions>>, log: Logger) {
  const { EtcdStore } = await import('../../shared/etcd-store.ts')
  return new EtcdStore({ ...options, log })
}
