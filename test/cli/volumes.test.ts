import t from 'tap'
import type { Test } from 'tap'
import { Refusal } from '../../shared/refusal.ts'
import type { Routes } from '../../shared/admin-server.ts'
import { SELF, volume, volumeRoutes, VOLUMES } from './volume-routes.ts'
import { World } from './world.ts'

t.setTimeout(180_000)

const serve = (t: Test, routes: Routes) => World.serve(t, routes, 'BERTH_VOLUME_SOCKET')

await t.test('volumes are a table, also removed and strange ones', async t => {
  const world = await serve(t, volumeRoutes().routes)
  const { code, out, err } = await world.berth('volume', 'ls')
  t.match({ code, err }, { code: 0, err: '' })
  t.strictSame(out.split('\n'), [
    'NAME  STATE        SIZE       DISK            MOUNTS  KEPT, PROBLEM',
    'db    ready        399.5 GiB  nvme0n1         3       -',
    'old   parked       399.5 GiB  not there (S2)  0       kept 5 d more',
    'gone  wiping       399.5 GiB  nvme2n1         0       12 % blank',
    'odd   quarantined  399.5 GiB  nvme3n1         0       its mark should be there; found: gpt',
    '',
  ])
})

await t.test('the last moments of a volume have words', async t => {
  const world = await serve(t, {
    'GET /v1/self': async () => SELF,
    'GET /v1/volumes': async () => ({
      volumes: [
        volume('a', 'wiping', { wiping: { part: 'head', offset: 0 }, problem: 'it is busy' }),
        volume('b', 'parked', { parked: { since: '2026-01-02T03:04:05Z', leftMs: 0 } }),
        volume('', 'wiping', { created: '', fsUuid: '', wiping: { part: 'body', offset: 0 } }),
      ],
    }),
  })
  const { out } = await world.berth('volume', 'ls')
  t.match(
    out,
    /^a .* it is busy; almost blank\n^b .* to be wiped now\n^\(no volume\) .* 0 % blank$/m,
  )
})

await t.test('what is missing or out of order is told beside the table', async t => {
  const missing = [{ id: 'c1', name: 'lost' }]
  const world = await serve(t, {
    ...volumeRoutes().routes,
    'GET /v1/volumes': async () => ({ volumes: [] }),
    'GET /v1/self': async () => ({
      ...SELF,
      state: 'degraded',
      reason: 'The records are incomplete',
      claiming: { on: false, why: 'mkfs.xfs is too old' },
      missing,
    }),
  })
  t.match(await world.berth('volume', 'ls'), {
    code: 0,
    out: /^lost +missing +- +- +- +its record is lost$/m,
    err: `The plugin is degraded: The records are incomplete
No disk is taken for new volumes: mkfs.xfs is too old
The record of lost is lost: see berth volume adopt --help
`,
  })
  t.match(await world.berth('disks'), { code: 0, err: /mkfs\.xfs is too old/ })
  const { out, err } = await world.berth('volume', 'ls', '--json')
  t.strictSame(JSON.parse(out), { volumes: [], missing })
  t.equal(err, '')
})

await t.test('--json is what the API answers, whatever else stands in it', async t => {
  const world = await serve(t, volumeRoutes().routes)
  for (const [args, answer] of [
    [['ls'], { volumes: VOLUMES, missing: [] }],
    [['inspect', 'db'], { volume: VOLUMES[0] }],
    [['restore', 'old'], { volume: { ...VOLUMES[1], state: 'ready' } }],
    [['wipe', 'old', '--yes'], { volume: { ...VOLUMES[1], state: 'wiping' } }],
    [['adopt', 'sda'], { volume: volume('back', 'ready') }],
    [['forget', 'x', '--yes'], { id: 'claim', name: 'x' }],
  ] as const) {
    const { code, out } = await world.berth('volume', ...args, '--json')
    t.equal(code, 0)
    t.strictSame(JSON.parse(out), answer, args.join(' '))
  }
})

await t.test('inspect shows all about one volume', async t => {
  const world = await serve(t, volumeRoutes().routes)
  const { code, out } = await world.berth('volume', 'inspect', 'db')
  t.equal(code, 0)
  t.strictSame(out.split('\n'), [
    'NAME        db',
    'STATE       ready',
    'SIZE        399.5 GiB (428959858688 bytes)',
    'CREATED     2026-01-02T03:04:05.000Z',
    'DISK        nvme0n1',
    'MODEL       Fast SSD',
    'SERIAL      S1',
    'WWID        eui.s1',
    'DISK SIZE   400.0 GiB (429496729600 bytes)',
    'MOUNTPOINT  /mnt/claim-of-db/data',
    'MOUNTS      c0ffee × 2, decaf × 1',
    'OPTIONS     size=300GiB, require=class=nvme',
    'LABELS      class=nvme',
    'CLAIM       claim-of-db',
    'XFS UUID    6f8f6b1e-0d5f-4a0c-9d55-0c1c2f6f1a11',
    '',
  ])
  t.match((await world.berth('volume', 'inspect', 'old')).out, /^REMOVED +1 d ago, kept 5 d more$/m)
  t.match((await world.berth('volume', 'inspect', 'gone')).out, /^WIPING +12 % blank$/m)
  t.match((await world.berth('volume', 'inspect', 'odd')).out, /^PROBLEM +its mark should be /m)
})

await t.test('where there is no volume, a sentence says how to make one', async t => {
  const world = await serve(t, {
    'GET /v1/self': async () => SELF,
    'GET /v1/volumes': async () => ({ volumes: [] }),
  })
  t.match(await world.berth('volume', 'ls'), { code: 0, out: /docker volume create .* makes one/ })
})

await t.test('restore, adopt and forget ask the plugin, and say what is so now', async t => {
  const { routes, restored, adopted, forgotten } = volumeRoutes()
  const world = await serve(t, routes)
  t.match(await world.berth('volume', 'restore', 'old'), { code: 0, out: /^old is back, / })
  t.match(restored.asked, [{ params: { name: 'old' }, body: {} }])
  t.match(await world.berth('volume', 'adopt', '/dev/disk/by-id/nvme-S5'), {
    code: 0,
    out: /^back, on nvme0n1, is a volume of this host now/,
  })
  t.strictSame(
    adopted.asked.map(({ body }) => body),
    [{ disk: '/dev/disk/by-id/nvme-S5' }],
  )
  t.match(await world.berth('volume', 'forget', 'lost', '--yes'), { code: 0, out: /^lost is forg/ })
  t.match(forgotten.asked, [{ params: { name: 'lost' } }])
})

await t.test('a volume is wiped only where its name is typed, or --yes is said', async t => {
  const { routes, wiped } = volumeRoutes()
  const world = await serve(t, routes)
  const wipe = ['volume', 'wipe', 'old']
  t.match(await world.berth(...wipe), { code: 2, out: '', err: /no terminal .* say --yes\n$/ })
  for (const typed of ['yes\n', 'db\n', 'ol\n', '\n', '\x04']) {
    t.match(await world.berthAtTerminal(typed, ...wipe), {
      code: 1,
      out: /old \(parked, its data kept 5 d more\).*Fast SSD, 400\.0 GiB, S2.*Nothing was done/s,
    })
  }
  t.strictSame(wiped.asked, [])
  t.match(await world.berthAtTerminal('old\n', ...wipe), { code: 0, out: /is being wiped/ })
  t.match(await world.berth(...wipe, '--yes'), {
    code: 0,
    out: 'old is being wiped, on not there (S2). berth volume ls shows how far it is; once it is gone from there, berth disks shows the disk as free.\n',
  })
  t.match(
    wiped.asked,
    [{ params: { name: 'claim-of-old' } }, { params: { name: 'claim-of-old' } }],
    'what was shown, whatever has its name now',
  )
})

await t.test('a volume is forgotten only where its name is typed, or --yes is said', async t => {
  const { routes, forgotten } = volumeRoutes()
  const world = await serve(t, routes)
  t.match(await world.berth('volume', 'forget', 'lost'), { code: 2, err: /say --yes\n$/ })
  t.match(await world.berthAtTerminal('yes\n', 'volume', 'forget', 'lost'), { code: 1 })
  t.strictSame(forgotten.asked, [])
  t.match(await world.berthAtTerminal('lost\n', 'volume', 'forget', 'lost'), { code: 0 })
})

await t.test(
  'a refusal is said in the words of the plugin, of a volume that is not there before a question',
  async t => {
    const sentence = 'The volume db is not parked: docker volume rm db first'
    const world = await serve(t, {
      ...volumeRoutes().routes,
      'POST /v1/volumes/:name/wipe': async () => {
        throw new Refusal('unsupported', sentence)
      },
    })
    t.strictSame(await world.berth('volume', 'wipe', 'db', '--yes'), {
      code: 1,
      out: '',
      err: `berth: ${sentence}\n`,
    })
    t.match(await world.berthAtTerminal('x\n', 'volume', 'wipe', 'nobody'), {
      code: 1,
      out: 'berth: There is no volume nobody on this host\r\n',
    })
  },
)
