import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import t from 'tap'
import * as ipam from '../ipam-plugin/settings.ts'
import { isManifest, mergeManifests } from '../scripts/merge-manifests.ts'
import type { Environment } from '../shared/settings.ts'
import * as volume from '../volume-plugin/settings.ts'

/** Read by Node itself and by the C library, not by Berth. */
const OF_NODE = [
  'NODE_COMPILE_CACHE',
  'MALLOC_MMAP_THRESHOLD_',
  'MALLOC_TRIM_THRESHOLD_',
  'UV_THREADPOOL_SIZE',
]
/** Fixed by the image: what it is, where the engine mounts things, and where it looks for the socket. */
const PATHS = ['DATA_DIR', 'PLUGIN_SOCKET', 'MOUNT_ROOT', 'CLUSTER_MOUNT']
const FIXED = ['MODE', ...PATHS, ...OF_NODE]

type Variable = {
  readonly name: string
  readonly value?: string
  readonly settable?: readonly string[]
  readonly description?: string
}

type Plugin = {
  /** Its part of the manifest. */
  readonly part: string
  /** All that it reads. */
  readonly settings: readonly string[]
  read(environment: Environment): Readonly<Record<string, unknown>>
}

const IPAM: Plugin = {
  part: 'ipam-plugin/config.json',
  settings: Object.keys(ipam.SETTINGS),
  read: ipam.readIpamSettings,
}
const SSD: Plugin = {
  part: 'volume-plugin/config.ssd.json',
  settings: volumeSettings(name => !/^(CLUSTER|ETCD)_/.test(name)),
  read: volume.readVolumeSettings,
}
const CLUSTER: Plugin = {
  part: 'volume-plugin/config.cluster.json',
  settings: volumeSettings(name => !name.startsWith('SSD_')),
  read: given => volume.readVolumeSettings({ MODE: 'cluster', ...given }),
}

for (const plugin of [IPAM, SSD, CLUSTER]) {
  const manifest = await manifestOf(plugin)
  const env = manifest['env'] as readonly Variable[]
  const own = env.filter(({ name }) => !OF_NODE.includes(name))
  const defaults = Object.fromEntries(own.map(({ name, value }) => [name, value]))
  const about = (sentence: string) => `${plugin.part}: ${sentence}`

  await t.test(about('it names exactly the settings that the plugin reads'), t => {
    const names = own.map(({ name }) => name).toSorted()
    t.strictSame(names, plugin.settings.toSorted())
    t.end()
  })

  await t.test(
    about('its defaults are read without a fault, and are those of the plugin itself'),
    t => {
      const given = plugin.read(defaults)
      t.strictSame(withoutPaths(given), withoutPaths(plugin.read({})))
      t.equal(given['HOST_NAME'], hostname())
      t.end()
    },
  )

  await t.test(about('every setting can be set, and what the image fixes cannot'), t => {
    for (const { name, settable } of env) {
      t.strictSame(settable, FIXED.includes(name) ? undefined : ['value'], name)
    }
    t.end()
  })

  await t.test(about('every setting is explained'), t => {
    for (const { name, description } of env) t.ok(description, name)
    t.end()
  })

  await t.test(about('the fixed paths are where it mounts and announces them'), t => {
    const [state] = manifest['mounts'] as readonly { readonly destination: string }[]
    const { socket } = manifest['interface'] as { readonly socket: string }
    t.equal(defaults['DATA_DIR'], state?.destination)
    t.equal(defaults['PLUGIN_SOCKET'], `/run/docker/plugins/${socket}`)
    t.equal(defaults['MOUNT_ROOT'], manifest['propagatedMount'])
    const [, cluster] = manifest['mounts'] as readonly { readonly destination: string }[]
    if ('CLUSTER_MOUNT' in defaults) t.equal(defaults['CLUSTER_MOUNT'], cluster?.destination)
    t.end()
  })
}

await t.test('the plugin of disks asks for what disks need, and for nothing else', async t => {
  const manifest = await manifestOf(SSD)
  // Not CAP_LINUX_IMMUTABLE: with mount points that cannot be deleted, no engine can remove the plugin.
  t.strictSame(manifest['linux'], {
    capabilities: ['CAP_SYS_ADMIN'],
    allowAllDevices: true,
    devices: [],
  })
  t.strictSame(manifest['network'], { type: 'none' })
  t.notOk('pidhost' in manifest)
  const [, dev] = manifest['mounts'] as readonly unknown[]
  t.match(dev, { source: '/dev', destination: '/dev', options: ['rbind', 'rslave'] })
})

await t.test(
  'the plugin of folders asks for a bind mount and for etcd, and for nothing else',
  async t => {
    const manifest = await manifestOf(CLUSTER)
    t.strictSame(manifest['linux'], {
      capabilities: ['CAP_SYS_ADMIN'],
      allowAllDevices: false,
      devices: [],
    })
    t.strictSame(manifest['network'], { type: 'host' })
    t.notOk('pidhost' in manifest)
    const [, cluster, ...more] = manifest['mounts'] as readonly unknown[]
    t.match(cluster, {
      source: '/mnt',
      destination: '/cluster',
      options: ['rbind', 'rslave'],
      settable: ['source'],
    })
    t.strictSame(more, [])
  },
)

function volumeSettings(isWanted: (name: string) => boolean): readonly string[] {
  return Object.keys(volume.SETTINGS).filter(isWanted)
}

function withoutPaths(settings: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !PATHS.includes(name)))
}

async function manifestOf({ part: own }: Plugin) {
  return mergeManifests(await part('config.json'), await part(own))
}

async function part(path: string) {
  const value: unknown = JSON.parse(await readFile(new URL(`../${path}`, import.meta.url), 'utf8'))
  if (!isManifest(value)) throw new Error(`${path} must hold an object`)
  return value
}
