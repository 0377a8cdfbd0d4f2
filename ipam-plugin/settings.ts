import { hostname } from 'node:os'
import { join } from 'node:path'
import { ETCD_SETTINGS } from '../shared/etcd-settings.ts'
import { LOG_LEVELS } from '../shared/log.ts'
import type { LogLevel } from '../shared/log.ts'
import { absolutePath, oneOf, readSettings } from '../shared/settings.ts'
import type { Environment, Setting } from '../shared/settings.ts'
import { withSettingsFile } from '../shared/settings-file.ts'
import { BITS, parseSubnet } from './addresses.ts'
import type { DefaultPool } from './automatic-pools.ts'

const text: Setting<string> = { fallback: '', parse: given => given }
const logLevel: Setting<LogLevel> = { fallback: 'info', parse: oneOf(LOG_LEVELS) }
const defaultPools: Setting<readonly DefaultPool[]> = { fallback: [], parse: parseDefaultPools }

/** Every setting that the plugin reads, by the name of its environment variable. */
export const SETTINGS = {
  /** The host's name, for people. */
  HOST_NAME: text,
  LOG_LEVEL: logLevel,
  DEFAULT_POOLS: defaultPools,
  ...ETCD_SETTINGS,
  DATA_DIR: { fallback: '/var/lib', parse: absolutePath },
  PLUGIN_SOCKET: { fallback: '/run/docker/plugins/berth-ipam.sock', parse: absolutePath },
}

const ETCD_NAMES = Object.keys(ETCD_SETTINGS)

/**
 * From the environment, and where etcd is also from `berth/settings.env` in the state directory.
 *
 * @throws {BadSettings} with every fault
 */
export function readIpamSettings(environment: Environment) {
  const folder = environment['DATA_DIR'] || SETTINGS.DATA_DIR.fallback
  const file = join(folder, 'berth', 'settings.env')
  const settings = readSettings(SETTINGS, withSettingsFile(environment, file, ETCD_NAMES))
  return { ...settings, HOST_NAME: settings.HOST_NAME || hostname() }
}

/**
 * "10.200.0.0/16,24": subnets of /24 cut from 10.200.0.0/16. Several are separated by spaces.
 *
 * @throws {Error}
 */
function parseDefaultPools(given: string): DefaultPool[] {
  return given
    .trim()
    .split(/\s+/)
    .map(item => {
      const [base, length, ...rest] = item.split(',')
      if (
        base === undefined ||
        length === undefined ||
        rest.length > 0 ||
        !/^\d{1,3}$/.test(length)
      ) {
        throw new Error(`"${item}" is not a base and a size such as 10.200.0.0/16,24`)
      }
      const pool = { base: parseSubnet(base), length: Number(length) }
      if (pool.length < pool.base.length || pool.length > BITS[pool.base.family]) {
        throw new Error(
          `"${item}": the size must be from ${pool.base.length} to ${BITS[pool.base.family]}`,
        )
      }
      return pool
    })
}
