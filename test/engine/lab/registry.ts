import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from './host.ts'
import { DIST, OLDEST } from './releases.ts'
import { CommandFailed } from './run.ts'
import { until } from './until.ts'

/** Where a registry keeps what was built: an engine installs from there in a fifth of the time that a create takes. */
const BUILT = join(DIST, 'registry')

type Registry = { readonly folder: string; readonly port: number; readonly readOnly: boolean }

/** An image registry on the host; the engine trusts it without TLS, as it is on the host itself. It ends with the host. */
export async function startRegistry(host: Host): Promise<string> {
  const folder = host.path('registry')
  mkdirSync(folder)
  return await serve(host, { folder, port: 5000, readOnly: false })
}

/** The registry of the plugins as they were built. Where it runs already, it is that one. */
export async function registryOfBuilt(host: Host): Promise<string> {
  if (!existsSync(BUILT)) throw new Error('no plugin is built: run test/engine/build-plugin.ts')
  return await serve(host, { folder: BUILT, port: 5001, readOnly: true })
}

/** The same, empty, for plugins to be pushed to. */
export async function emptyRegistry(host: Host): Promise<string> {
  rmSync(BUILT, { recursive: true, force: true })
  mkdirSync(BUILT, { recursive: true })
  return await serve(host, { folder: BUILT, port: 5001, readOnly: false })
}

async function serve(host: Host, { folder, port, readOnly }: Registry): Promise<string> {
  const address = `localhost:${port}`
  if (await listens(host, port)) return address
  const maintenance = { readonly: { enabled: readOnly } }
  const configuration = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: folder }, maintenance },
    http: { addr: `127.0.0.1:${port}` },
  }
  const file = host.path(`registry-${port}.yml`)
  writeFileSync(file, JSON.stringify(configuration))
  host.start(OLDEST, ['docker-registry', 'serve', file]).unref()
  await until('the registry', 20_000, () => listens(host, port))
  return address
}

async function listens(host: Host, port: number): Promise<boolean> {
  try {
    await host.run(['bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`])
    return true
  } catch (error) {
    if (error instanceof CommandFailed) return false
    throw error
  }
}
