// Builds the plugin into dist/ with an engine of its own, so that no engine of the machine is needed or touched.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Engine } from './lab/engine.ts'
import { Host } from './lab/host.ts'
import { Lab } from './lab/lab.ts'
import { fetchEngines, OLDEST, REPOSITORY, tool } from './lab/releases.ts'
import { Switch } from './lab/switch.ts'

const endings: (() => Promise<void>)[] = []
await fetchEngines([OLDEST])
const lab = await Lab.open({ teardown: ending => endings.push(ending) })
try {
  const engine = new Engine(await Host.create(await Switch.create(lab), 1), OLDEST)
  await engine.start()
  const environment = {
    ...process.env,
    DOCKER: tool(OLDEST, 'docker'),
    DOCKER_HOST: engine.address,
    DOCKER_CONFIG: engine.host.path('client'),
  }
  const script = join(REPOSITORY, 'scripts/plugins')
  const building = spawn(script, ['--no-create'], { stdio: 'inherit', env: environment })
  const [code]: unknown[] = await once(building, 'exit')
  if (code !== 0) process.exitCode = 1
} finally {
  for (const ending of endings) await ending()
}
