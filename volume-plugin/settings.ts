import { hostname } from 'node:os'
import { parseDuration } from '../shared/duration.ts'
import { LOG_LEVELS } from '../shared/log.ts'
import type { LogLevel } from '../shared/log.ts'
import { absolutePath, oneOf, readSettings } from '../shared/settings.ts'
import type { Environment, Setting } from '../shared/settings.ts'
import { parsePatterns } from './ssd/policy.ts'

const text: Setting<string> = { fallback: '', parse: given => given }
const logLevel: Setting<LogLevel> = { fallback: 'info', parse: oneOf(LOG_LEVELS) }
const patterns: Setting<readonly string[]> = { fallback: [], parse: parsePatterns }
const flag: Setting<boolean> = { fallback: false, parse: given => oneOf(['0', '1'])(given) === '1' }
const days = (count: number) => count * 24 * 3_600_000

/** Every setting that the plugin reads, by the name of its environment variable. */
export const SETTINGS = {
  /** What a volume is: a whole disk of this host. */
  MODE: { fallback: 'ssd' as const, parse: oneOf(['ssd']) },
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
  DATA_DIR: { fallback: '/var/lib', parse: absolutePath },
  PLUGIN_SOCKET: { fallback: '/run/docker/plugins/berth-ssd.sock', parse: absolutePath },
  MOUNT_ROOT: { fallback: '/var/lib/berth/ssd/mounts', parse: absolutePath },
}

/** @throws {BadSettings} with every fault */
export function readVolumeSettings(environment: Environment) {
  const settings = readSettings(SETTINGS, environment)
  return { ...settings, HOST_NAME: settings.HOST_NAME || hostname() }
}
