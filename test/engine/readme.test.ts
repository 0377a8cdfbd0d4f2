import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Engine } from './lab/engine.ts'
import { EtcdCluster, whyNoEtcd } from './lab/etcd.ts'
import { tool } from './lab/releases.ts'
import { onOldestAndNewest, oneEngine, type Test } from './lab/world.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const MINUTES = 60_000

await onOldestAndNewest(async (t, suite) => {
  const engine = await oneEngine(t, suite)
  await engine.docker(['build', '--tag', 'busybox:latest', busybox(engine)])
  const checkout = copyCheckout(engine)
  for (const commands of blocks(readFileSync(join(ROOT, 'README.md'), 'utf8'))) {
    const skip = (commands.includes('ETCD_ENDPOINTS') && whyNoEtcd()) ?? false
    await t.test(commands.trim(), { skip }, t => run(t, engine, checkout, commands))
  }
})

/** What stands in the README between "```sh" and "```", in order. */
function blocks(readme: string): string[] {
  const found = [...readme.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, commands]) => commands ?? '')
  // `make test` is what runs this.
  return found.filter(commands => !commands.includes('make test'))
}

async function run(t: Test, engine: Engine, checkout: string, commands: string): Promise<void> {
  if (commands.includes('node ipam-plugin/main.ts'))
    return await unmanaged(t, engine, checkout, commands)
  if (commands.includes('ETCD_ENDPOINTS')) await startEtcd(engine)
  const output = await inCheckout(engine, checkout, commands)
  if (commands.includes('make up')) {
    t.match(output, /Both are up, and reach each other/)
    t.match(output, /^written by berth-demo-1$/m, 'both have a volume')
    t.match(await inCheckout(engine, checkout, 'make up'), /Both are up/, 'and again')
    await inCheckout(engine, checkout, 'make down')
    t.notOk(existsSync(engine.host.path('var-lib/berth-demo')), 'and nothing is left')
    t.notMatch(await engine.docker(['plugin', 'ls']), 'berth-cluster')
  }
  if (commands.includes('install-cli')) {
    t.match(output, /^STATE +serving$.*^NAME .* \(this host\)/ms)
  }
  if (commands.includes('curl')) t.match(output, /"addresses":\[.*"pools":\[.*"ok":true/)
  if (commands.includes('journalctl')) t.match(output, /RequestAddress/)
  if (commands.includes('network inspect')) t.match(output, /192\.0\.2\.128.*192\.0\.2\.10/s)
}

/** One member, where the README says the first of them is; nobody answers for the other. */
async function startEtcd({ host }: Engine): Promise<void> {
  await EtcdCluster.start([host])
  await host.run(['ip', 'address', 'add', '203.0.113.11/32', 'dev', 'lo'])
}

/** The plugin as a program serves a network while it runs. */
async function unmanaged(t: Test, engine: Engine, checkout: string, commands: string) {
  const network =
    'docker network create -d macvlan -o parent=eth0 --subnet 198.51.100.0/24 --ipam-driver berth'
  const output = await inCheckout(
    engine,
    checkout,
    `PATH=${checkout}/node_modules/node/bin:$PATH
    ${commands.trim()} & plugin=$!
    ${network} unmanaged && docker network rm unmanaged
    kill $plugin && wait $plugin`,
  )
  t.match(output, /"method":"IpamDriver.RequestPool".*"outcome":"ok"/)
  t.match(output, /"method":"IpamDriver.ReleasePool".*"outcome":"ok"/)
}

async function inCheckout(engine: Engine, checkout: string, commands: string): Promise<string> {
  const { host } = engine
  // What is installed for the machine goes to a folder of the host.
  const settings = `PREFIX='${host.folder}' PATH='${host.path('bin')}':$PATH`
  const script = `set -eu -o pipefail; cd '${checkout}'; export ${settings}\n${commands}`
  return await host.run(['bash', '-c', script], { deadline: 5 * MINUTES })
}

/** The image that a registry would have: the lab's hosts reach none. */
function busybox(engine: Engine): string {
  const folder = engine.host.path('busybox')
  mkdirSync(folder)
  cpSync(tool(engine.suite, 'busybox'), join(folder, 'busybox'))
  const install = 'RUN ["/bin/busybox", "--install", "-s", "/bin"]'
  writeFileSync(
    join(folder, 'Dockerfile'),
    `FROM scratch\nCOPY busybox /bin/\n${install}\nCMD ["sh"]\n`,
  )
  return folder
}

/**
 * The files of this checkout, as a clone has them, with what was installed and made from the distribution's packages
 * before; and a stand-in for systemd's journal, which a host of the lab does not have.
 */
function copyCheckout(engine: Engine): string {
  const checkout = engine.host.path('checkout')
  const files = execFileSync('git', ['-C', ROOT, 'ls-files', '-z'], { encoding: 'utf8' }).split(
    '\0',
  )
  for (const file of files.filter(each => each !== '' && existsSync(join(ROOT, each)))) {
    mkdirSync(dirname(join(checkout, file)), { recursive: true })
    cpSync(join(ROOT, file), join(checkout, file), { preserveTimestamps: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'))
  for (const made of globSync('{build,berth-base-*.tar}', { cwd: join(ROOT, 'dist') })) {
    const options = { recursive: true, preserveTimestamps: true }
    cpSync(join(ROOT, 'dist', made), join(checkout, 'dist', made), options)
  }
  // What the build has staged from npm; it goes into the image, so a link would not do.
  const staged = join(ROOT, 'dist', 'build')
  if (existsSync(staged)) cpSync(staged, join(checkout, 'dist', 'build'), { recursive: true })
  const journal = engine.host.path('bin/journalctl')
  mkdirSync(dirname(journal))
  writeFileSync(journal, `#!/bin/sh\ncat '${engine.host.path('dockerd.log')}'\n`)
  chmodSync(journal, 0o755)
  return checkout
}
