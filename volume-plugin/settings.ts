import { hostname } from 'node:os'
import { join } from 'node:path'
import { CLUSTER_TYPES, readClusterTypes } from '../shared/cluster-types.ts'
import { parseDuration } from '../shared/duration.ts'
import { ETCD_SETTINGS } from '../shared/etcd-settings.ts'
import { LOG_LEVELS } from '../shared/log.ts'
import type { LogLevel } from '../shared/log.ts'
import { absolutePath, oneOf, readSettings } from '../shared/settings.ts'
import type { Environment, Setting } from '../shared/settings.ts'
import { withSettingsFile } from '../shared/settings-file.ts'
import { parsePatterns } from './ssd/policy.ts'

const text: Setting<string> = { fallback: '', parse: given => given }
const logLevel: Setting<LogLevel> = { fallback: 'info', parse: oneOf(LOG_LEVELS) }
const patterns: Setting<readonly string[]> = { fallback: [], parse: parsePatterns }
const flag: Setting<boolean> = { fallback: false, parse: given => oneOf(['0', '1'])(given) === '1' }
const optionalPath: Setting<string> = { fallback: '', parse: absolutePath }
const types: Setting<readonly string[]> = { fallback: CLUSTER_TYPES, parse: readClusterTypes }
const clusterId: Setting<string> = { fallback: '', parse: parseClusterId }
const days = (count: number) => count * 24 * 3_600_000

/** Every setting that the plugin reads, by the name of its environment variable. */
export const SETTINGS = {
  /** What a volume is: a whole disk of this host, or a folder of the cluster file system. */
  MODE: { fallback: 'ssd' as const, parse: oneOf(['ssd', 'cluster']) },
  /** The host's name, for people. */
  HOST_NAME: text,
  LOG_LEVEL: logLevel,
  /** Paths, globs and world wide names of the disks that may be taken; none by default. */
  SSD_DEVICES: patterns,
  /** Never these, whatever SSD_DEVICES says. */
  SSD_DENY: patterns,
  /** For trying things out: loop devices are disks too. */
  SSD_ALLOW_LOOP: flag,
  /** Also for volumes that nobody named. */
  SSD_ANONYMOUS: flag,
  /** How long the data of a removed volume is kept. */
  RETAIN: { fallback: days(7), parse: parseDuration },
  /** Where the cluster file system is mounted on the host; empty: nothing can be mounted yet. */
  CLUSTER_ROOT: optionalPath,
  /** Types of file system that may be there, as mountinfo names them; empty: those that are known as cluster file systems. */
  CLUSTER_FSTYPE: types,
  /** The id that the cluster file system must have; empty: the one that the store knows. */
  CLUSTER_ID: clusterId,
  /** Where the host's folder `cluster.source` is seen here; empty: CLUSTER_ROOT is seen as it is. */
  CLUSTER_MOUNT: optionalPath,
  ...ETCD_SETTINGS,
  DATA_DIR: { fallback: '/var/lib', parse: absolutePath },
  PLUGIN_SOCKET: optionalPath,
  MOUNT_ROOT: optionalPath,
}

export type VolumeSettings = ReturnType<typeof readVolumeSettings>

const ETCD_NAMES = Object.keys(ETCD_SETTINGS)

/**
 * From the environment, and where etcd is also from `berth/settings.env` in the state directory: disks have no use for it.
 *
 * @throws {BadSettings} with every fault
 */
export function readVolumeSettings(environment: Environment) {
  const folder = environment['DATA_DIR'] || SETTINGS.DATA_DIR.fallback
  const file = join(folder, 'berth', 'settings.env')
  const isCluster = environment['MODE'] === 'cluster'
  const given = isCluster ? withSettingsFile(environment, file, ETCD_NAMES) : environment
  const settings = readSettings(SETTINGS, given)
  const { MODE, HOST_NAME, PLUGIN_SOCKET, MOUNT_ROOT } = settings
  return {
    ...settings,
    HOST_NAME: HOST_NAME || hostname(),
    PLUGIN_SOCKET: PLUGIN_SOCKET || `/run/docker/plugins/berth-${MODE}.sock`,
    MOUNT_ROOT: MOUNT_ROOT || `/var/lib/berth/${MODE}/mounts`,
  }
}

/** @throws {Error} */
function parseClusterId(given: string): string {
  if (/^[0-9a-f]{32}$/.test(given)) return given
  throw new Error('Must be the 32 hexadecimal digits that berth cluster shows')
}
