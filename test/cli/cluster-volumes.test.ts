import { writeFile } from 'node:fs/promises'
import t from 'tap'
import type { Test } from 'tap'
import type { Routes } from '../../shared/admin-server.ts'
import { Refusal } from '../../shared/refusal.ts'
import { CLUSTER_SELF, CLUSTER_VOLUMES, clusterRoutes, clusterVolume } from './cluster-routes.ts'
import { volume, volumeRoutes, VOLUMES } from './volume-routes.ts'
import { World } from './world.ts'

t.setTimeout(180_000)
t.chdir(t.testdir({}))

const serve = (t: Test, routes: Routes) => World.serve(t, routes, 'BERTH_CLUSTER_SOCKET')
const serveSsd = (t: Test, routes: Routes) => World.serve(t, routes, 'BERTH_VOLUME_SOCKET')
const withVolumes = (volumes: readonly object[], stale = false): Routes => ({
  ...clusterRoutes().routes,
  'GET /v1/volumes': async () => ({ stale, volumes }),
})

await t.test('volumes of the cluster are a table, also those that were removed', async t => {
  const world = await serve(t, clusterRoutes().routes)
  const { code, out, err } = await world.berth('volume', 'ls')
  t.match({ code }, { code: 0 })
  t.strictSame(out.split('\n'), [
    'NAME   STATE   ACCESS     FOLDER         USED BY             HERE             KEPT, PROBLEM',
    'web    ready   shared     volumes/web    rack1-01, rack1-02  taken, 3 mounts  -',
    'queue  ready   exclusive  volumes/queue  rack1-02            lost, 1 mount    -',
    'web    parked  shared     volumes/web    -                   -                kept 5 d more',
    'old    parked  shared     volumes/old    -                   -                kept 5 d more',
    'twin   parked  shared     volumes/twin   -                   -                kept 5 d more',
    'twin   parked  shared     volumes/twin   -                   -                kept 5 d more',
    'odd    ready   shared     volumes/odd    -                   -                its folder is gone',
    '',
  ])
  t.equal(
    err,
    'Taken from this host, and perhaps still written to by its containers: queue. Stop these containers.\n',
  )
})

await t.test('what is not as it should be is told beside the table', async t => {
  const world = await serve(t, {
    ...withVolumes([clusterVolume('web', 'aa11', 'ready')], true),
    'GET /v1/self': async () => ({
      ...CLUSTER_SELF,
      state: 'degraded',
      reason: '/mnt/data is not mounted',
    }),
  })
  t.match(await world.berth('volume', 'ls'), {
    code: 0,
    out: /^web /m,
    err: `The plugin is degraded: /mnt/data is not mounted
The store does not answer: this is what this host saw last.
`,
  })
})

await t.test('disks and cluster are shown one after the other, each where it is', async t => {
  const ssd = await serveSsd(t, volumeRoutes().routes)
  const cluster = await serve(t, clusterRoutes().routes)
  const both = ssd.beside(cluster)
  t.match(await both.berth('volume', 'ls'), {
    code: 0,
    out: /^NAME +STATE +SIZE .*^db +ready .*\n\nNAME +STATE +ACCESS .*^web +ready /ms,
  })
  t.match(JSON.parse((await both.berth('volume', 'ls', '--json')).out), {
    volumes: VOLUMES,
    missing: [],
    cluster: { stale: false, volumes: CLUSTER_VOLUMES },
  })
  t.strictSame(Object.keys(JSON.parse((await cluster.berth('volume', 'ls', '--json')).out)), [
    'cluster',
  ])
  t.notMatch((await both.berth('volume', 'ls', '--driver', 'ssd')).out, /ACCESS/)
  t.notMatch((await both.berth('volume', 'ls', '--driver', 'cluster')).out, /SIZE/)
})

await t.test(
  'a plugin that is there and does not answer fails the list, after that of the other',
  async t => {
    await writeFile('file', '')
    const ssd = World.at('file', 'BERTH_VOLUME_SOCKET')
    const refusing = await serveSsd(t, {
      'GET /v1/self': async () => {
        throw new Refusal('not-ready', 'The plugin cannot answer yet')
      },
    })
    const cluster = await serve(t, clusterRoutes().routes)
    t.match(await refusing.beside(cluster).berth('volume', 'ls'), {
      code: 1,
      out: /^web +ready /m,
      err: /^berth: The plugin cannot answer yet$/m,
    })
    const { code, out } = await refusing.beside(cluster).berth('volume', 'ls', '--json')
    t.equal(code, 1)
    t.strictSame(Object.keys(JSON.parse(out)), ['cluster'])
    t.match(await ssd.beside(cluster).berth('volume', 'ls'), {
      code: 1,
      err: /No plugin answers at file/,
    })
  },
)

await t.test('inspect shows all about one volume of the cluster', async t => {
  const world = await serve(t, clusterRoutes().routes)
  const { code, out } = await world.berth('volume', 'inspect', 'web')
  t.equal(code, 0)
  t.match(out.split('\n'), [
    'NAME        web',
    'STATE       ready',
    'ACCESS      shared',
    'FOLDER      volumes/web',
    'CREATED     2026-01-02T03:04:05.000Z on rack1-01',
    /^USED BY {5}rack1-01, this host \(id-of-rack1-01\) since .*, 1 h ago$/,
    /^ {12}rack1-02 \(id-of-rack1-02\) since .*, 2 h ago$/,
    'HERE        taken, 3 mounts, since 2026-01-02T03:04:06.000Z',
    'MOUNTS      c0ffee × 2, decaf × 1',
    'MOUNTPOINT  /mounts/web',
    'OPTIONS     mode=0750',
    'ID          aa11',
    '',
  ])
  const show = async (name: string) => (await world.berth('volume', 'inspect', name)).out
  t.match(await show('queue'), /^BROKEN +taken from rack1-01 3 h ago$/m)
  t.match(await show('old'), /^REMOVED +1 d ago on rack1-01, kept 5 d more$/m)
  t.match(await show('odd'), /^PROBLEM +its folder is gone$/m)
  t.match(await show('ac33ac33ac33'), /^STATE +parked$/m, 'by its id')
  t.match(await show('ac33ac33'), /^STATE +parked$/m, 'by the beginning of its id')
  t.equal(await show('ac33ac3'), '', 'a short word is meant as a name')
  const { out: json } = await world.berth('volume', 'inspect', 'web', '--json')
  t.strictSame(JSON.parse(json), { volume: CLUSTER_VOLUMES[0] })
})

await t.test(
  'a removed volume is restored by its name, and by its id where several have it',
  async t => {
    const { routes, restored } = clusterRoutes()
    const world = await serve(t, routes)
    t.match(await world.berth('volume', 'restore', 'web'), {
      code: 0,
      out: 'web is back, with its data: docker volume ls shows it again, on every host.\n',
    })
    t.match(await world.berth('volume', 'restore', 'twin'), {
      code: 1,
      err: /^berth: "twin" may be any of ae55 \(twin, parked, .*\), ae66 \(.*\): name it by its id\n$/,
    })
    t.match(await world.berth('volume', 'restore', 'ae66'), { code: 0 })
    t.match(restored.asked, [{ params: { name: 'ac33ac33ac33' } }, { params: { name: 'ae66' } }])
  },
)

await t.test(
  'a volume of the cluster is wiped only where its name is typed, or --yes is said',
  async t => {
    const { routes, wiped } = clusterRoutes()
    const world = await serve(t, routes)
    t.match(await world.berth('volume', 'wipe', 'web'), { code: 2, err: /say --yes\n$/ })
    t.match(await world.berthAtTerminal('yes\n', 'volume', 'wipe', 'web'), {
      code: 1,
      out: /web \(parked, removed 1 d ago on rack1-02, kept 5 d more\).*every host.*Nothing was done/s,
    })
    t.strictSame(wiped.asked, [])
    t.match(await world.berthAtTerminal('web\n', 'volume', 'wipe', 'web'), { code: 0 })
    t.match(await world.berth('volume', 'wipe', 'ae55', '--yes'), {
      code: 0,
      out: 'twin is being wiped: berth volume ls shows it until it is gone.\n',
    })
    t.match(wiped.asked, [{ params: { name: 'ac33ac33ac33' } }, { params: { name: 'ae55' } }])
  },
)

await t.test('a name is looked for on disks and in the cluster', async t => {
  const ssdRoutes = volumeRoutes()
  const routes = clusterRoutes()
  const both = (await serveSsd(t, ssdRoutes.routes)).beside(await serve(t, routes.routes))
  t.match((await both.berth('volume', 'inspect', 'db')).out, /^SERIAL /m)
  t.match((await both.berth('volume', 'inspect', 'queue')).out, /^ACCESS /m)
  t.match(await both.berth('volume', 'restore', 'old'), {
    code: 1,
    err: 'berth: Both plugins have a volume old: say --driver ssd or --driver cluster\n',
  })
  t.match(await both.berth('volume', 'restore', 'old', '--driver', 'ssd'), { code: 0 })
  t.match(await both.berth('volume', 'restore', 'old', '--driver', 'cluster'), { code: 0 })
  t.match(ssdRoutes.restored.asked, [{ params: { name: 'old' } }])
  t.match(routes.restored.asked, [{ params: { name: 'ad44' } }])
  t.match(await both.berth('volume', 'inspect', 'nobody'), {
    code: 1,
    err: /^berth: There is no volume nobody, neither on a disk/,
  })
})

await t.test(
  'while one plugin cannot say whether it has the volume, which is meant must be said',
  async t => {
    const routes = clusterRoutes()
    const broken = volumeRoutes()
    const ssd = await serveSsd(t, {
      ...broken.routes,
      'GET /v1/volumes/:name': async () => {
        throw new Refusal('not-ready', 'The plugin cannot answer yet')
      },
    })
    const both = ssd.beside(await serve(t, routes.routes))
    t.match(await both.berth('volume', 'wipe', 'web', '--yes'), {
      code: 1,
      err: /^berth: Whether berth-ssd has a volume web is not known: .* say --driver cluster\n$/,
    })
    t.strictSame(routes.wiped.asked, [])
    t.match(await both.berth('volume', 'wipe', 'web', '--yes', '--driver', 'cluster'), { code: 0 })
    t.match(routes.wiped.asked, [{ params: { name: 'ac33ac33ac33' } }])
  },
)

await t.test('the plugin at --socket is known by what it says of itself', async t => {
  const cluster = await serve(t, clusterRoutes().routes)
  const ssd = await serveSsd(t, volumeRoutes().routes)
  const nobody = World.at('nothing.sock')
  const at = (world: World) => ['volume', 'ls', '--socket', world.socket]
  t.match((await nobody.berth(...at(cluster))).out, /ACCESS/)
  t.match((await nobody.berth(...at(ssd))).out, /SIZE/)
  t.match(await nobody.berth(...at(ssd), '--driver', 'cluster'), { code: 1, err: /no plugin of / })
})

await t.test('break-lock tells what it cannot do, and asks for the name of the host', async t => {
  const { routes, broken } = clusterRoutes()
  const world = await serve(t, routes)
  const breakLock = ['volume', 'break-lock', 'queue']
  t.match(await world.berth(...breakLock), { code: 2, out: '', err: /say --yes\n$/ })
  for (const typed of ['yes\n', 'queue\n', 'rack1-01\n', '\n', '\x04']) {
    t.match(await world.berthAtTerminal(typed, ...breakLock), {
      code: 1,
      out: /queue \(exclusive\) is mounted on rack1-02 \(id-of-rack1-02\) since .*, 3 h ago\..*go on writing.*only if rack1-02 is dead.*Nothing was done/s,
    })
  }
  t.strictSame(broken.asked, [])
  t.match(await world.berthAtTerminal('rack1-02\n', ...breakLock), {
    code: 0,
    out: /queue is taken from rack1-02: other hosts may mount it\./,
  })
  t.match(broken.asked, [{ params: { name: 'ab22' }, body: { host: 'id-of-rack1-02' } }])
})

await t.test('where nobody is asked, the beginning of an id is not enough', async t => {
  const { routes, wiped } = clusterRoutes()
  const world = await serve(t, routes)
  const wipe = await world.berth('volume', 'wipe', 'ac33ac33', '--yes')
  t.match(wipe, { code: 1, err: /There is no volume ac33ac33/ })
  t.strictSame(wiped.asked, [])
})

await t.test('break-lock is told which host, where several have the volume', async t => {
  const { routes, broken } = clusterRoutes()
  const world = await serve(t, routes)
  const breakLock = async (...args: readonly string[]) =>
    await world.berth('volume', 'break-lock', '--yes', ...args)
  t.match(await breakLock('web'), {
    code: 1,
    err: /mounted on rack1-01 \(id-of-rack1-01\), rack1-02 \(.*\): say which one by --host/,
  })
  t.match(await breakLock('web', '--host', 'rack9'), {
    code: 1,
    err: /not mounted on "rack9", but on rack1-01/,
  })
  t.match(await breakLock('web', '--host', 'id-of-rack1-01x'), { code: 1, err: /not mounted on/ })
  t.match(await breakLock('web', '--host', 'id-of-rack1-0'), {
    code: 1,
    err: /not mounted on "id-of-rack1-0", but on/,
  })
  t.match(await breakLock('odd'), { code: 1, err: /No host has odd mounted/ })
  t.strictSame(broken.asked, [])
  for (const host of ['rack1-02', 'id-of-rack1-02', 'id-of-rack1-01']) {
    t.match(await breakLock('web', '--host', host), { code: 0 })
  }
  t.strictSame(
    broken.asked.map(({ body }) => (body as { host: string }).host),
    ['2', '2', '1'].map(n => `id-of-rack1-0${n}`),
  )
})

await t.test(
  'a volume that is not in the list of a host without its store may be there',
  async t => {
    const world = await serve(t, withVolumes([], true))
    t.match(await world.berth('volume', 'inspect', 'web'), {
      code: 1,
      err: /^berth: There is no volume web in the cluster; the store does not answer/,
    })
    t.match(await world.berth('volume', 'ls'), {
      code: 0,
      out: /docker volume create .* makes one/,
    })
  },
)

await t.test('the words of volumes on disks stay as they are beside a cluster', async t => {
  const ssd = await serveSsd(t, {
    ...volumeRoutes().routes,
    'GET /v1/volumes': async () => ({ volumes: [volume('db', 'ready')] }),
  })
  const both = ssd.beside(await serve(t, withVolumes([])))
  t.match(await both.berth('volume', 'ls'), { out: /^db .*\n\nThere is no volume in the cluster/m })
})
