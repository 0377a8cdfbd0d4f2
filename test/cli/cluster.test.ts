import t from 'tap'
import type { Test } from 'tap'
import type { Routes } from '../../shared/admin-server.ts'
import { Refusal } from '../../shared/refusal.ts'
import { CLUSTER, CLUSTER_SELF, clusterRoutes } from './cluster-routes.ts'
import { World } from './world.ts'

t.setTimeout(180_000)

const serve = (t: Test, routes: Routes) => World.serve(t, routes, 'BERTH_CLUSTER_SOCKET')

await t.test('cluster shows the file system, and how it is', async t => {
  const world = await serve(t, clusterRoutes().routes)
  const { code, out, err } = await world.berth('cluster')
  t.match({ code, err }, { code: 0, err: '' })
  t.strictSame(out.split('\n'), [
    'HOST         rack1-01',
    'HOST ID      a1b2',
    'STATE        ready',
    'ROOT         /mnt/data',
    'FILE SYSTEM  nfs4, filer:/export',
    'USABLE       yes',
    'ID           c1',
    'KNOWN AS     c1',
    'STORE        yes',
    '',
  ])
  t.strictSame(JSON.parse((await world.berth('cluster', '--json')).out), CLUSTER_SELF)
})

await t.test('what cannot be used is said with the reason', async t => {
  const world = await serve(t, {
    'GET /v1/self': async () => ({
      ...CLUSTER_SELF,
      state: 'suspended',
      reason: 'etcd was set back',
      cluster: { root: '/mnt/data', ok: false, why: 'it is not mounted' },
      store: { ok: false, why: 'it does not answer' },
    }),
  })
  t.strictSame((await world.berth('cluster')).out.split('\n'), [
    'HOST         rack1-01',
    'HOST ID      a1b2',
    'STATE        suspended',
    'REASON       etcd was set back',
    'ROOT         /mnt/data',
    'FILE SYSTEM  -',
    'USABLE       no: it is not mounted',
    'ID           -',
    'KNOWN AS     -',
    'STORE        no: it does not answer',
    '',
  ])
})

await t.test('init says what it writes, and asks', async t => {
  const { routes, made } = clusterRoutes()
  const world = await serve(t, routes)
  t.match(await world.berth('cluster', 'init'), { code: 2, err: /say --yes\n$/ })
  t.match(await world.berthAtTerminal('no\n', 'cluster', 'init'), {
    code: 1,
    out: /\.berth\/cluster\.json is to be written in \/mnt\/data \(nfs4, filer:\/export\).*Nothing was done/s,
  })
  t.strictSame(made.asked, [])
  t.match(await world.berthAtTerminal('yes\n', 'cluster', 'init'), {
    code: 0,
    out: /\/mnt\/data is the cluster's file system from now on, with the id c1\./,
  })
  const { out } = await world.berth('cluster', 'init', '--yes', '--json')
  t.strictSame(JSON.parse(out), { id: 'c1', made: true })
  t.equal(made.asked.length, 2)
})

await t.test('init of a file system that has an id changes nothing, and says so', async t => {
  const world = await serve(t, {
    'GET /v1/cluster': async () => CLUSTER,
    'POST /v1/cluster/init': async () => ({ id: 'c1', made: false }),
  })
  t.match(await world.berth('cluster', 'init', '--yes'), {
    code: 0,
    out: '/mnt/data has the id c1 already: nothing was changed.\n',
  })
})

await t.test('init of one that lost its id warns of another one in its place', async t => {
  const { id: _, ...other } = CLUSTER
  const { made } = clusterRoutes()
  const world = await serve(t, {
    'GET /v1/cluster': async () => ({ ...other, ok: false, why: 'it has no id' }),
    'POST /v1/cluster/init': made.route,
  })
  t.match(await world.berthAtTerminal('no\n', 'cluster', 'init', '--again'), {
    code: 1,
    out: /\/mnt\/data \(nfs4, filer:\/export\) is to get the id c1 .*only if it is that file sys/s,
  })
  t.strictSame(made.asked, [])
  t.match(await world.berth('cluster', 'init', '--again', '--yes'), { code: 0 })
  t.match(await world.berth('cluster', 'init', '--yes'), { code: 0 })
  t.strictSame(
    made.asked.map(({ body }) => body),
    [{ again: true }, {}],
  )
})

await t.test('a refused init fails with its reason', async t => {
  const sentence = '/mnt/data is not mounted'
  const world = await serve(t, {
    'GET /v1/cluster': async () => ({ root: '/mnt/data', ok: false, why: sentence }),
    'POST /v1/cluster/init': async () => {
      throw new Refusal('cluster-away', sentence)
    },
  })
  t.strictSame(await world.berth('cluster', 'init', '--yes'), {
    code: 1,
    out: '',
    err: `berth: ${sentence}\n`,
  })
})

await t.test('adopt tells why it is asked for, and asks', async t => {
  const { routes, adopted } = clusterRoutes()
  const world = await serve(t, {
    ...routes,
    'GET /v1/self': async () => ({ ...CLUSTER_SELF, state: 'suspended', reason: 'set back' }),
  })
  t.match(await world.berth('cluster', 'adopt'), { code: 2, err: /say --yes\n$/ })
  t.match(await world.berthAtTerminal('rack1-01\n', 'cluster', 'adopt'), {
    code: 1,
    out: /set back\r\nrack1-01 is to go on .*No exclusive volume may be in use on two hosts/s,
  })
  t.strictSame(adopted.asked, [])
  t.match(await world.berthAtTerminal('yes\n', 'cluster', 'adopt'), { code: 0, out: /goes on/ })
  t.match(await world.berth('cluster', 'adopt', '--yes', '--json'), { code: 0, out: '{}\n' })
  t.equal(adopted.asked.length, 2)
})
