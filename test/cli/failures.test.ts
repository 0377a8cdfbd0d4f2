import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import * as v from '@badrap/valita'
import t from 'tap'
import { AdminClient } from '../../cli/client.ts'
import { Failure } from '../../cli/failure.ts'
import { Refusal } from '../../shared/refusal.ts'
import { World } from './world.ts'

t.setTimeout(120_000)
t.chdir(t.testdir({}))

await t.test('a refusal is said on stderr, in the words of the plugin', async t => {
  const sentence = 'The plugin cannot answer yet: etcd does not answer'
  const world = await World.serve(t, {
    'GET /v1/pools': async () => {
      throw new Refusal('not-ready', sentence)
    },
  })
  for (const args of [['pools'], ['pools', '--json']]) {
    t.strictSame(await world.berth(...args), { code: 1, out: '', err: `berth: ${sentence}\n` })
  }
})

await t.test('an answer that makes no sense is told, not shown', async t => {
  const world = await World.serve(t, { 'GET /v1/pools': async () => ({ pools: [{}] }) })
  t.match(await world.berth('pools'), {
    code: 1,
    out: '',
    err: /^berth: .*of the same version\?\n$/,
  })
})

await t.test('where no plugin answers, it says what to check', async t => {
  await writeFile('file', '')
  const gone = createServer().listen('gone.sock')
  await once(gone, 'listening')
  gone.close()
  for (const socket of ['nothing.sock', 'file']) {
    t.match(await World.at(socket).berth('pools'), {
      code: 1,
      out: '',
      err: new RegExp(
        `^berth: No plugin answers at ${socket}: .*docker plugin ls.*BERTH_SOCKET.*\n$`,
      ),
    })
  }
})

await t.test('--socket goes before BERTH_SOCKET and BERTH_VOLUME_SOCKET', async t => {
  const world = await World.serve(t, {
    'GET /v1/pools': async () => ({ pools: [] }),
    'GET /v1/disks': async () => ({ disks: [] }),
  })
  const to = ['--json', '--socket', world.socket]
  t.match(await World.at('nothing.sock').berth('pools', ...to), { code: 0 })
  const volumes = World.at('nothing.sock', 'BERTH_VOLUME_SOCKET')
  t.match(await volumes.berth('disks', ...to), { code: 0 })
})

await t.test('each plugin is asked at its own socket', async t => {
  const ipam = World.at('ipam.sock')
  const volumes = World.at('ssd.sock', 'BERTH_VOLUME_SOCKET')
  for (const args of [['disks'], ['volume', 'forget', 'x', '--yes'], ['disk', 'label', 'sda']]) {
    t.match(await volumes.berth(...args), { code: 1, err: /at ssd\.sock: .* BERTH_VOLUME_SOCKET / })
    t.match(await ipam.berth(...args), { code: 1, err: /at other\.sock: / })
  }
  const cluster = World.at('cluster.sock', 'BERTH_CLUSTER_SOCKET')
  for (const args of [['cluster'], ['cluster', 'adopt', '--yes'], ['volume', 'break-lock', 'x']]) {
    t.match(await cluster.berth(...args), {
      code: 1,
      err: /at cluster\.sock: .* BERTH_CLUSTER_SOCKET /,
    })
  }
  for (const args of [
    ['volume', 'ls'],
    ['volume', 'inspect', 'x'],
  ]) {
    t.match(await volumes.beside(cluster).berth(...args), {
      code: 1,
      err: /at ssd\.sock or cluster\.sock: .* BERTH_VOLUME_SOCKET or BERTH_CLUSTER_SOCKET /,
    })
  }
  t.match(await volumes.berth('pools'), { code: 1, err: /at other\.sock: .* BERTH_SOCKET / })
})

await t.test('what is not understood is wrong usage', async t => {
  const world = World.at('nothing.sock')
  for (const args of [
    [],
    ['ponds'],
    ['pools', 'more'],
    ['pools', '--fast'],
    ['host'],
    ['host', 'evict'],
    ['volume'],
    ['volume', 'wipe'],
    ['volume', 'ls', '--driver', 'disk'],
    ['volume', 'break-lock'],
    ['cluster', 'format'],
    ['doctor'],
    ['doctor', '--root', 'data'],
    ['doctor', '--root', '/mnt/../data'],
    ['doctor', '--root', '/mnt/data', '--fstype', '/nfs'],
    ['disk', 'wipe'],
  ]) {
    const { code, out, err } = await world.berth(...args)
    t.match({ code, out }, { code: 2, out: '' }, args.join(' '))
    t.ok(err, 'it says why')
  }
})

await t.test('help is fine, and fits a terminal', async t => {
  const world = World.at('nothing.sock')
  for (const args of [
    [],
    ['status'],
    ['pools'],
    ['addresses'],
    ['hosts'],
    ['host', 'evict'],
    ['host', 'adopt'],
    ['recover'],
    ['volume'],
    ['volume', 'ls'],
    ['volume', 'inspect'],
    ['volume', 'restore'],
    ['volume', 'wipe'],
    ['volume', 'adopt'],
    ['volume', 'forget'],
    ['volume', 'break-lock'],
    ['cluster'],
    ['cluster', 'init'],
    ['cluster', 'adopt'],
    ['doctor'],
    ['disks'],
    ['disk'],
    ['disk', 'label'],
    ['disk', 'wipe'],
  ]) {
    const { code, out } = await world.berth(...args, '--help')
    t.equal(code, 0)
    t.strictSame(
      out.split('\n').filter(line => line.length > 80),
      [],
      args.join(' '),
    )
  }
})

await t.test('a plugin that hangs is not waited for, before or within its answer', async t => {
  const silent = createServer(connection => connection.resume()).listen('silent.sock')
  const cut = createServer(connection => {
    connection.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ok"')
  }).listen('slow.sock')
  await Promise.all([once(silent, 'listening'), once(cut, 'listening')])
  t.teardown(() => [silent.close(), cut.close()])
  const anything = v.object({})
  for (const socket of ['silent.sock', 'slow.sock']) {
    const client = new AdminClient(socket, 100)
    await t.rejects(client.get('/healthz', anything), {
      name: 'Failure',
      message: `The plugin at ${socket} has not answered within 0.1 s`,
    })
    await t.rejects(client.post('/v1/recover', anything), /what it has begun may go on/)
  }
})

await t.test('a plugin that ends within its answer is told', async t => {
  const server = createServer(connection => {
    connection.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ok"')
  }).listen('ending.sock')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const asked = new AdminClient('ending.sock').get('/healthz', v.object({}))
  await t.rejects(asked, Failure)
  await t.rejects(asked, /The plugin at ending\.sock broke off/)
})
