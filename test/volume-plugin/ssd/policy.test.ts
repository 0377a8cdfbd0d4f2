import t from 'tap'
import { isAllowed, isDenied, parsePatterns } from '../../../volume-plugin/ssd/policy.ts'
import { someDisk } from './some-disk.ts'

const NOBODY = { devices: [], deny: [], allowLoop: false }

await t.test('commas and spaces part the items', t => {
  const items = ['/dev/sdb', '/dev/disk/by-id/ata-*', 'naa.5000C500A1B2C3D4']
  t.strictSame(parsePatterns(items.join(',')), items)
  t.strictSame(parsePatterns(` ${items.join(' , ')} `), items)
  t.strictSame(parsePatterns(items.join('  ')), items)
  t.strictSame(parsePatterns(' '), [])
  t.end()
})

await t.test('what would match nothing, or not what it seems to, is an error', t => {
  for (const [text, why] of [
    ['sdb', /"sdb" is neither an absolute path, .* nor a world wide name/],
    ['dev/sdb', /neither/],
    ['/dev/sdb,,/dev/sdc', /an empty item/],
    ['/dev/sdb,', /an empty item/],
    ['/dev/../dev/sdb', /write the path without/],
    ['/dev//sdb', /write the path without/],
    ['/dev/sdb/', /write the path without/],
    ['/dev/{sdb', /a glob has "\*", "\?" and/],
    ['/dev/@(sdb|sdc)', /a glob has/],
    ['naa.5000', /neither/],
    ['5000c500a1b2c3d4', /neither/],
    ['0xnothex0000000000', /neither/],
  ] as const) {
    t.throws(() => parsePatterns(text), { message: why }, text)
  }
  t.end()
})

await t.test('a disk is met by its node and by any of its links', t => {
  const disk = someDisk('sdb', {
    links: ['/dev/disk/by-id/ata-SSD_9_SDB', '/dev/disk/by-x/a\\x20b'],
  })
  for (const [pattern, is] of [
    ['/dev/sdb', true],
    ['/dev/sd*', true],
    ['/dev/sd?', true],
    ['/dev/sd[a-c]', true],
    ['/dev/sd[!b]', false],
    ['/dev/sdb?', false],
    ['/dev/sd', false],
    ['/dev/*', true],
    ['/*', false],
    ['/dev/SDB', false],
    ['/dev/disk/by-id/ata-SSD_9_*', true],
    ['/dev/disk/*', false],
    ['/dev/disk/by-x/a\\x20b', true],
  ] as const) {
    t.equal(isAllowed({ ...NOBODY, devices: [pattern] }, disk), is, pattern)
    t.equal(isDenied({ ...NOBODY, deny: [pattern] }, disk), is, pattern)
  }
  t.end()
})

await t.test('a disk is met by its world wide name, in whatever form', t => {
  for (const [wwid, same, other] of [
    [
      'naa.5000c500a1b2c3d4',
      [
        'naa.5000c500a1b2c3d4',
        '0x5000C500A1B2C3D4',
        'wwn-0x5000c500a1b2c3d4',
        'NAA.5000C500A1B2C3D4',
      ],
      'naa.5000c500a1b2c3d5',
    ],
    [
      'eui.0025385b71b00a11',
      ['eui.0025385B71B00A11', 'nvme-eui.0025385b71b00a11', '0x0025385b71b00a11'],
      'eui.0025385b71b00a12',
    ],
    [
      'uuid.3f1d1c57-4a9e-4a52-8f3c-9d6a3f0a5b11',
      [
        'uuid.3f1d1c57-4a9e-4a52-8f3c-9d6a3f0a5b11',
        'nvme-uuid.3F1D1C57-4a9e-4a52-8f3c-9d6a3f0a5b11',
      ],
      'uuid.3f1d1c57-4a9e-4a52-8f3c-9d6a3f0a5b12',
    ],
  ] as const) {
    const disk = someDisk('sdb', { identity: { wwid } })
    for (const text of same) {
      t.ok(isAllowed({ ...NOBODY, devices: parsePatterns(text) }, disk), text)
    }
    t.notOk(isAllowed({ ...NOBODY, devices: parsePatterns(other) }, disk), other)
  }
  t.end()
})

await t.test('nothing is allowed by an empty list, nor met by a name that it has not', t => {
  const disk = someDisk('sdb')
  t.notOk(isAllowed(NOBODY, disk))
  t.notOk(isDenied(NOBODY, disk))
  t.notOk(isAllowed({ ...NOBODY, devices: ['naa.5000c500a1b2c3d4'] }, disk))
  t.end()
})
