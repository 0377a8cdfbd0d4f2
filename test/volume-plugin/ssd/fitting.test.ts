import t from 'tap'
import { bySize, noFreeDisk, notAsked } from '../../../volume-plugin/ssd/fitting.ts'
import { readSsdOptions } from '../../../volume-plugin/ssd/options.ts'
import { someDisk } from './some-disk.ts'

const GIB = 2 ** 30
const sized = (name: string, size: number) => someDisk(name, { identity: { size } })

await t.test('the smallest disk comes first, and of the same size the first by name', t => {
  const disks = [
    sized('nvme10n1', GIB),
    sized('sda', 3 * GIB),
    sized('nvme2n1', GIB),
    sized('sdb', 2 * GIB),
  ].map(disk => ({ disk, reasons: [] }))
  const names = ['nvme2n1', 'nvme10n1', 'sdb', 'sda']
  t.strictSame(
    bySize(disks).map(({ disk }) => disk.name),
    names,
  )
  t.strictSame(
    bySize(disks.toReversed()).map(({ disk }) => disk.name),
    names,
    'in whatever order they are given',
  )
  t.end()
})

await t.test('a disk that has what was asked is not passed over', t => {
  const disk = sized('sdb', 2 * GIB)
  t.strictSame(notAsked(disk, readSsdOptions({}), {}), [])
  const given = { size: '2GiB', require: 'class=ssd', mkfs: 'reflink=0,agcount=16' }
  t.strictSame(notAsked(disk, readSsdOptions(given), { class: 'ssd' }), [])
  t.end()
})

await t.test('a disk that has not is passed over with why', t => {
  for (const [disk, given, code, text] of [
    [
      sized('sdb', GIB),
      { size: '2GiB' },
      'smaller',
      'it has 1.0 GiB (1.1 GB), not 2.0 GiB (2.1 GB)',
    ],
    [
      sized('sdb', 2 * GIB - 512),
      { size: '2GiB' },
      'smaller',
      'it has 2147483136 bytes, not 2147483648',
    ],
    [sized('sdb', GIB), { require: 'class=nvme' }, 'label', 'class is ssd, not nvme'],
    [
      sized('sdb', 2 * GIB),
      { mkfs: 'agcount=17' },
      'agcount',
      'agcount=17 makes groups of 120.5 MiB (126.3 MB) of it; they must have from 128 MiB to less than 1 TiB each',
    ],
    [sized('sdb', 2 ** 41), { mkfs: 'agcount=2' }, 'agcount', /^agcount=2 makes groups of 1.0 TiB/],
  ] as const) {
    const reasons = notAsked(disk, readSsdOptions(given), { class: 'ssd' })
    t.match([reasons.length, reasons], [1, [{ code, text }]])
  }
  const asked = readSsdOptions({ size: '2GiB', require: 'class=nvme' })
  t.strictSame(
    notAsked(sized('sdb', GIB), asked, {}).map(({ code }) => code),
    ['smaller', 'label'],
  )
  t.end()
})

await t.test('where no disk is free, it is said what was asked and why each was passed over', t => {
  const asked = readSsdOptions({ size: '2GiB', require: 'class=nvme' })
  const small = { disk: sized('sdb', GIB), reasons: notAsked(sized('sdb', GIB), asked, {}) }
  const mounted = {
    disk: sized('sdc', 4 * GIB),
    reasons: [{ code: 'mounted', text: 'it is mounted on /' }],
  } as const
  const ram = {
    disk: sized('ram0', 2 ** 20),
    reasons: [
      { code: 'not-allowed', text: 'x' },
      { code: 'kind', text: 'y' },
    ],
  } as const
  t.equal(
    noFreeDisk('db', asked, [ram, small, mounted]),
    'The volume db needs a free disk of at least 2.0 GiB (2.1 GB) with class=nvme. Passed over: ' +
      'sdb, 1.0 GiB (1.1 GB) (it has 1.0 GiB (1.1 GB), not 2.0 GiB (2.1 GB); it has no label class, and class=nvme is asked for); ' +
      'sdc, 4.0 GiB (4.3 GB) (it is mounted on /); 1 more. berth disks tells all',
  )
  t.equal(
    noFreeDisk('db', readSsdOptions({}), [ram, ram]),
    'The volume db needs a free disk. Passed over: 2 disks. SSD_DEVICES names those that may be taken; berth disks tells all',
  )
  t.match(noFreeDisk('db', readSsdOptions({}), []), /Passed over: there is none\./)
  t.end()
})

await t.test('of many disks the first are named, the others counted', t => {
  const many = Array.from({ length: 30 }, (_, n) => ({
    disk: sized(`sd${n}`, GIB),
    reasons: [{ code: 'swap', text: 'it is swapped to' }] as const,
  }))
  const text = noFreeDisk('db', readSsdOptions({}), many)
  t.match(text, /sd7, .*; 22 more\. berth disks/)
  t.notMatch(text, /sd8/)
  t.end()
})
