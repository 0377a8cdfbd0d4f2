// Builds the plugins into dist/, and into a registry there that the tests install them from, with an engine of its own, so
// that no engine of the machine is needed or touched.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Engine } from './lab/engine.ts'
import { Host } from './lab/host.ts'
import { Lab } from './lab/lab.ts'
import { BERTH_CLUSTER, BERTH_IPAM, BERTH_SSD, type Kind } from './lab/plugin.ts'
import { emptyRegistry } from './lab/registry.ts'
import { fetchEngines, OLDEST, REPOSITORY, tool } from './lab/releases.ts'
import { whyNoEngines } from './lab/requirements.ts'
import { Switch } from './lab/switch.ts'

/** Said once and in full here; each engine test then skips itself, or fails under CI=true. */
const reason = await whyNoEngines()
if (reason === undefined) await build()
else process.stdout.write(`\n*** NO ENGINE TESTS: ${reason}\n\n`)

async function build(): Promise<void> {
  await fetchEngines([OLDEST])
  const endings: (() => Promise<void>)[] = []
  const lab = await Lab.open({ teardown: ending => endings.push(ending) })
  try {
    const engine = new Engine(await Host.create(await Switch.create(lab), 1), OLDEST)
    await engine.start()
    process.exitCode = await runPackaging(engine)
    if (process.exitCode === 0) await fillRegistry(engine)
  } finally {
    for (const ending of endings) await ending()
  }
}

async function runPackaging(engine: Engine): Promise<number> {
  const env = {
    ...process.env,
    DOCKER: tool(OLDEST, 'docker'),
    DOCKER_HOST: engine.address,
    DOCKER_CONFIG: engine.host.path('client'),
  }
  const script = join(REPOSITORY, 'scripts/plugins')
  const packaging = spawn(script, ['--no-create'], { stdio: 'inherit', env })
  const [code]: unknown[] = await once(packaging, 'exit')
  return code === 0 ? 0 : 1
}

async function fillRegistry(engine: Engine): Promise<void> {
  const registry = await emptyRegistry(engine.host)
  const push = async ({ name, built }: Kind) => {
    await engine.docker(['plugin', 'create', `${registry}/${name}`, built])
    await engine.docker(['plugin', 'push', `${registry}/${name}`])
  }
  await Promise.all([BERTH_IPAM, BERTH_SSD, BERTH_CLUSTER].map(push))
}
