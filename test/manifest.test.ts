import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import t from 'tap'
import { SETTINGS, readIpamSettings } from '../ipam-plugin/settings.ts'
import { isManifest, mergeManifests } from '../scripts/merge-manifests.ts'

/** Read by Node itself and by the C library, not by Berth. */
const OF_NODE = ['NODE_COMPILE_CACHE', 'MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_']
/** Fixed by the image: where the engine mounts the state, and where it looks for the socket. */
const FIXED = ['DATA_DIR', 'PLUGIN_SOCKET', ...OF_NODE]

type Variable = {
  readonly name: string
  readonly value?: string
  readonly settable?: readonly string[]
  readonly description?: string
}

const manifest = mergeManifests(await part('config.json'), await part('ipam-plugin/config.json'))
const env = manifest['env'] as readonly Variable[]
const names = env.map(({ name }) => name)
const own = env.filter(({ name }) => !OF_NODE.includes(name))
const defaults = Object.fromEntries(own.map(({ name, value }) => [name, value]))

await t.test('the IPAM manifest names exactly the settings that the plugin reads', t => {
  t.strictSame(own.map(({ name }) => name).toSorted(), Object.keys(SETTINGS).toSorted())
  t.ok(OF_NODE.every(name => names.includes(name)))
  t.end()
})

await t.test('its defaults are read without a fault, and are those of the plugin itself', t => {
  const { DATA_DIR, PLUGIN_SOCKET, ...given } = readIpamSettings(defaults)
  const { DATA_DIR: _data, PLUGIN_SOCKET: _socket, ...bare } = readIpamSettings({})
  t.strictSame(given, bare)
  t.equal(given.HOST_NAME, hostname())
  t.ok(DATA_DIR && PLUGIN_SOCKET)
  t.end()
})

await t.test('every setting can be set, and what the image fixes cannot', t => {
  for (const { name, settable } of env) {
    t.strictSame(settable, FIXED.includes(name) ? undefined : ['value'], name)
  }
  t.end()
})

await t.test('every setting is explained', t => {
  for (const { name, description } of env) t.ok(description, name)
  t.end()
})

await t.test('the fixed paths are where the manifest mounts and announces them', t => {
  const [state] = manifest['mounts'] as readonly { readonly destination: string }[]
  const { socket } = manifest['interface'] as { readonly socket: string }
  t.equal(defaults['DATA_DIR'], state?.destination)
  t.equal(defaults['PLUGIN_SOCKET'], `/run/docker/plugins/${socket}`)
  t.end()
})

async function part(path: string) {
  const value: unknown = JSON.parse(await readFile(new URL(`../${path}`, import.meta.url), 'utf8'))
  if (!isManifest(value)) throw new Error(`${path} must hold an object`)
  return value
}
