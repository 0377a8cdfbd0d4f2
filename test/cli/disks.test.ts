import t from 'tap'
import type { Test } from 'tap'
import type { Routes } from '../../shared/admin-server.ts'
import { disk, DISKS, SELF, volumeRoutes } from './volume-routes.ts'
import { World } from './world.ts'

t.setTimeout(180_000)

const serve = (t: Test, routes: Routes) => World.serve(t, routes, 'BERTH_VOLUME_SOCKET')

await t.test('every disk is shown free, or with whose it is, or with every reason', async t => {
  const world = await serve(t, volumeRoutes().routes)
  const { code, out, err } = await world.berth('disks')
  t.match({ code, err }, { code: 0, err: '' })
  t.strictSame(out.split('\n'), [
    'DISK     STATE    SIZE       TRANSPORT  MODEL     SERIAL          WHY',
    'nvme0n1  claimed  400.0 GiB  nvme       Fast SSD  S1              it is the volume db',
    '                                                                  it is mounted on /mnt',
    'nvme1n1  free     400.0 GiB  nvme       Fast SSD  S5              -',
    'sda      used     400.0 GiB  sata       Fast SSD  naa.5000        it is not in SSD_DEVICES',
    '                                                                  gpt was found on it',
    'loop40   used     400.0 GiB  loop       Fast SSD  loop:/tmp/disk  -',
    'sdb      used     400.0 GiB  usb        Fast SSD  -               -',
    '',
  ])
  t.strictSame(JSON.parse((await world.berth('disks', '--json')).out), {
    disks: JSON.parse(JSON.stringify(DISKS)) as unknown,
  })
})

await t.test(
  'of a volume whose record is lost, it says how to take it, not how to wipe it',
  async t => {
    const reasons = [{ code: 'signatures', text: 'it is not blank: xfs; berth disk wipe' }]
    const disks = [
      disk('sda', 'S1', 'orphan', { reasons, volume: { name: 'db', state: 'lost', claim: '' } }),
      disk('sdb', 'S2', 'orphan', { reasons, volume: { name: '', state: 'lost', claim: '' } }),
    ]
    const world = await serve(t, {
      ...volumeRoutes().routes,
      'GET /v1/disks': async () => ({ disks }),
    })
    const { out } = await world.berth('disks')
    t.strictSame(
      out.split('\n').map(line => line.split('  ').at(-1)),
      [
        'WHY',
        'it is the volume db, whose record is lost: berth volume adopt sda',
        'a volume on it was never finished: berth disk wipe sdb',
        '',
      ],
    )
  },
)

await t.test('a host without disks says so', async t => {
  const world = await serve(t, {
    'GET /v1/self': async () => SELF,
    'GET /v1/disks': async () => ({ disks: [] }),
  })
  t.match(await world.berth('disks'), { code: 0, out: 'This host has no disk.\n' })
})

await t.test('labels are shown, set and taken away', async t => {
  const { routes, labelled } = volumeRoutes()
  const world = await serve(t, routes)
  for (const name of ['nvme0n1', '/dev/nvme0n1', 'S1', 'eui.s1', 'key-of-S1']) {
    t.match(await world.berth('disk', 'label', name), {
      code: 0,
      out: 'LABEL      VALUE\nclass      nvme\ntransport  nvme\n',
    })
  }
  t.strictSame(labelled.asked, [], 'looking changes nothing')
  const change = ['tier=fast', 'a-b=', 'note=x=y-', 'class-']
  t.match(await world.berth('disk', 'label', 'nvme0n1', ...change), {
    code: 0,
    out: 'LABEL      VALUE\na-b        -\nnote       x=y-\ntier       fast\ntransport  nvme\n',
  })
  t.match(labelled.asked, [
    {
      params: { disk: 'nvme0n1' },
      body: { set: { tier: 'fast', 'a-b': '', note: 'x=y-' }, remove: ['class'] },
    },
  ])
  await world.berth('disk', 'label', '/dev/disk/by-id/x', 'tier-')
  t.match(labelled.asked[1], { params: { disk: '/dev/disk/by-id/x' } }, 'the plugin knows links')
  const { out } = await world.berth('disk', 'label', 'nvme1n1', '--json')
  t.strictSame(JSON.parse(out), { disk: DISKS[1] })
})

await t.test('labels that make no sense are wrong usage', async t => {
  const { routes, labelled } = volumeRoutes()
  const world = await serve(t, routes)
  for (const labels of [['tier'], ['=fast'], ['-=x', 'tier'], ['a=1', 'a=2'], ['a=1', 'a-']]) {
    const { code, err } = await world.berth('disk', 'label', 'nvme0n1', '--', ...labels)
    t.match({ code, err }, { code: 2, err: /neither sets|given twice/ }, labels.join(' '))
  }
  t.strictSame(labelled.asked, [])
})

await t.test('a disk that is not there, or there twice, is none', async t => {
  const world = await serve(t, {
    ...volumeRoutes().routes,
    'GET /v1/disks': async () => ({
      disks: [disk('sdx', 'TWIN', 'used'), disk('sdy', 'TWIN', 'used')],
    }),
  })
  t.match(await world.berth('disk', 'wipe', 'TWIN', '--serial', 'TWIN'), {
    code: 1,
    err: 'berth: "TWIN" may be any of sdx, sdy: name one of these\n',
  })
  for (const name of ['sdz', '']) {
    t.match(await world.berth('disk', 'wipe', name, '--serial', 'TWIN'), {
      code: 1,
      err: `berth: There is no disk "${name}"; there are sdx, sdy\n`,
    })
  }
})

await t.test('a disk is shown, and wiped where its serial number is typed', async t => {
  const { routes, diskWiped } = volumeRoutes()
  const world = await serve(t, routes)
  for (const typed of ['yes\n', 'nvme1n1\n', 'S1\n', 's5\n', '\n', '\x04']) {
    t.match(await world.berthAtTerminal(typed, 'disk', 'wipe', 'nvme1n1'), {
      code: 1,
      out: /Nothing was done: "S5" was not typed/,
    })
  }
  t.strictSame(diskWiped.asked, [])
  t.match(await world.berthAtTerminal('S5\n', 'disk', 'wipe', 'nvme1n1'), {
    code: 0,
    out: /DISK +\/dev\/nvme1n1.*MODEL +Fast SSD.*SERIAL +S5.*STATE +free.*Type its serial number.*nvme1n1 is being wiped/s,
  })
  t.match(diskWiped.asked, [{ params: { disk: 'key-of-S5' }, body: { confirm: 'S5' } }])
})

await t.test('without a serial number it is the world wide name, or the backing file', async t => {
  const { routes, diskWiped } = volumeRoutes()
  const world = await serve(t, routes)
  t.match(await world.berthAtTerminal('naa.5000\n', 'disk', 'wipe', 'sda'), {
    code: 0,
    out: /FOUND +it is not in SSD_DEVICES\r\n +gpt was found on it.*Type its world wide name/s,
  })
  t.match(await world.berthAtTerminal('/tmp/disk\n', 'disk', 'wipe', 'loop40'), { code: 0 })
  t.strictSame(
    diskWiped.asked.map(({ params, body }) => [params['disk'], body]),
    [
      ['key-of-', { confirm: 'naa.5000' }],
      ['key-of-loop', { confirm: '/tmp/disk' }],
    ],
  )
  t.match(await world.berth('disk', 'wipe', 'sdb', '--serial', ''), {
    code: 1,
    err: /sdb has neither serial number nor world wide name: .* never writes to it/,
  })
  t.equal(diskWiped.asked.length, 2)
})

await t.test('without a terminal the serial number is said', async t => {
  const { routes, diskWiped } = volumeRoutes()
  const world = await serve(t, routes)
  t.match(await world.berth('disk', 'wipe', 'nvme1n1'), {
    code: 2,
    out: '',
    err: /no terminal .* say --serial, and its serial number\n$/,
  })
  t.match(await world.berth('disk', 'wipe', 'nvme1n1', '--serial', 'S1'), {
    code: 1,
    err: 'berth: Nothing was done: "S1" is not the serial number of nvme1n1\n',
  })
  t.strictSame(diskWiped.asked, [])
  const { code, out } = await world.berth('disk', 'wipe', 'S5', '--serial', 'S5', '--json')
  t.equal(code, 0)
  t.strictSame(JSON.parse(out), { disk: { ...DISKS[1], state: 'claimed' } })
})
