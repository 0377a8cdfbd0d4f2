import { mkdirSync, writeFileSync } from 'node:fs'
import type { Host } from './host.ts'
import { OLDEST } from './releases.ts'
import { CommandFailed } from './run.ts'
import { until } from './until.ts'

const PORT = 5000

/** An image registry on the host; the engine trusts it without TLS, as it is on the host itself. It ends with the host. */
export async function startRegistry(host: Host): Promise<string> {
  const folder = host.path('registry')
  mkdirSync(folder)
  const configuration = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: folder } },
    http: { addr: `127.0.0.1:${PORT}` },
  }
  writeFileSync(host.path('registry.yml'), JSON.stringify(configuration))
  host.start(OLDEST, ['docker-registry', 'serve', host.path('registry.yml')]).unref()
  await until('the registry', 20_000, () => listens(host))
  return `localhost:${PORT}`
}

async function listens(host: Host): Promise<boolean> {
  try {
    await host.run(['bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${PORT}`])
    return true
  } catch (error) {
    if (error instanceof CommandFailed) return false
    throw error
  }
}
