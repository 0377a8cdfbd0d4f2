import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LoopDisk } from '../disks/loop-disk.ts'
import { whyNoDisks } from '../disks/requirements.ts'
import { createNetwork, runContainer } from './lab/actions.ts'
import type { Engine } from './lab/engine.ts'
import { BERTH_SSD, Plugin } from './lab/plugin.ts'
import { REPOSITORY, tool } from './lab/releases.ts'
import { CommandFailed, type RunOptions } from './lab/run.ts'
import { createVolume } from './lab/volumes.ts'
import { onOldestAndNewest, oneEngine } from './lab/world.ts'

await onOldestAndNewest(async (t, suite) => {
  const engine = await oneEngine(t, suite)
  const prefix = engine.host.path('prefix')
  const wrapper = join(prefix, 'bin/berth')
  const berth = (args: readonly string[], env = {}) => onHost(engine, [wrapper, ...args], { env })
  const script = (name: string) =>
    onHost(engine, [join(REPOSITORY, 'scripts', name)], {
      env: { PREFIX: prefix },
      deadline: 300_000,
    })

  await t.test('a file of somebody else in its place is left alone', async t => {
    mkdirSync(join(prefix, 'bin'), { recursive: true })
    writeFileSync(wrapper, '#!/bin/sh\necho mine\n', { mode: 0o755 })
    t.match(await failure(script('install-cli')), /exists, and make install-cli did not make it/)
    t.equal(await berth([]), 'mine\n')
    rmSync(wrapper)
  })

  await t.test('it is installed, twice as well as once', async t => {
    t.match(await script('install-cli'), wrapper)
    await script('install-cli')
    t.match(await berth(['--help']), /Usage: berth/)
  })

  await t.test('where the plugin is not installed, it says what to check', async t => {
    t.match(
      await failure(berth(['pools'])),
      /exit 1: berth: No plugin answers at .*docker plugin ls/,
    )
  })

  const plugin = await Plugin.install(engine)
  await t.test('it shows what the plugin holds', async t => {
    await createNetwork(engine, 'lan', '--subnet 10.77.0.0/24 --gateway 10.77.0.1')
    await runContainer(engine, 'lan', 'web', '--ip 10.77.0.9')
    t.match(await berth(['pools']), /10\.77\.0\.0\/24 +10\.77\.0\.1 .* 1 network$/m)
    const { addresses } = JSON.parse(await berth(['addresses', '--state', 'used', '--json'])) as {
      addresses: readonly unknown[]
    }
    t.match(addresses, [{ address: '10.77.0.9', state: 'used' }])
    t.equal(addresses.length, 1)
  })

  await t.test('what it fails with is its own: exit code and sentence', async t => {
    t.match(await failure(berth(['ponds'])), /exit 2: error: unknown command 'ponds'/)
  })

  await t.test('it asks at a terminal, and not where there is none', async t => {
    t.match(await failure(berth(['recover'])), /exit 2: berth: There is no terminal/)
    const atTerminal = 'script --quiet --return --command "$0 recover" /dev/null <<<no || true'
    const shown = await onHost(engine, ['bash', '-c', atTerminal, wrapper])
    t.match(shown, /Type "yes" to go on: [^]*Nothing was done/)
  })

  await t.test('it shows disks and volumes too', { skip: whyNoDisks() ?? false }, async t => {
    t.match(await failure(berth(['volume', 'ls'])), /exit 1: berth: No plugin answers at /)
    const disk = await LoopDisk.create(t)
    await Plugin.install(engine, { SSD_DEVICES: disk.node, SSD_ALLOW_LOOP: '1' }, BERTH_SSD)
    t.match(await berth(['disks']), new RegExp(`^${disk.name} .*free`, 'm'))
    await createVolume(engine, 'db')
    await engine.docker(['volume', 'rm', 'db'])
    t.match(await failure(createVolume(engine, 'db')), /berth volume restore db/)
    await berth(['volume', 'restore', 'db'])
    t.match(await engine.docker(['volume', 'ls']), /berth-ssd:latest +db$/m)
    t.match(await berth(['volume', 'ls']), /^db .*ready/m)
  })

  await t.test('it examines the host, and not the container that it runs in', async t => {
    const source = engine.host.path('srv')
    const root = join(source, 'data')
    mkdirSync(root, { recursive: true })
    await engine.host.run(['mount', '-t', 'tmpfs', 'berthfs', root])
    const where = ['--root', root, '--source', source, '--fstype', 'tmpfs']
    const command = ['bash', '-c', '"$@" || echo "exit $?"', 'bash', wrapper, 'doctor', ...where]
    t.match(await onHost(engine, command), new RegExp(`${root} is mounted +ok +tmpfs from berthfs`))
    await engine.host.run(['umount', root])
    t.match(await onHost(engine, command), new RegExp(`${root} is mounted +wrong[^]*exit 1`))
  })

  await t.test('it finds the state wherever the plugin keeps it', async t => {
    await engine.docker(['rm', '--force', 'web'])
    await engine.docker(['network', 'rm', 'lan'])
    await plugin.disable()
    const elsewhere = engine.host.path('elsewhere')
    mkdirSync(elsewhere)
    await plugin.set({ 'state.source': elsewhere })
    await plugin.enable()
    t.match(await berth(['pools']), /There is no pool/)
    const before = { BERTH_SOCKET: '/var/lib/berth/ipam/admin.sock' }
    t.match(await failure(berth(['pools'], before)), /No plugin answers at \/var\/lib\/berth\//)
  })

  await t.test('make down removes the wrapper and its image', async t => {
    await script('down')
    t.match(await failure(berth(['--help'])), /No such file/)
    t.equal(await engine.docker(['image', 'ls', '--quiet', 'berth-cli']), '')
    t.ok(await plugin.isEnabled(), 'the plugin was not of make up, and stays')
  })
})

async function onHost(engine: Engine, command: readonly string[], options: RunOptions = {}) {
  const env = { DOCKER: tool(engine.suite, 'docker'), ...options.env }
  return await engine.host.run(command, { ...options, env })
}

/** What a command that must fail says. */
async function failure(running: Promise<unknown>): Promise<string> {
  try {
    return `no failure: ${String(await running)}`
  } catch (error) {
    if (error instanceof CommandFailed) return error.message
    throw error
  }
}
