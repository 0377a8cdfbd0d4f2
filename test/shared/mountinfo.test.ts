import t from 'tap'
import { parseMountinfo, parseShownMounts, parseSwaps } from '../../shared/mountinfo.ts'

await t.test('a mount is read with its options, however many fields there are', t => {
  const text = [
    '24 1 254:0 / / rw,relatime - ext4 /dev/root rw',
    '310 24 259:3 / /mnt/a\\040b\\134c rw,noatime shared:5 master:2 - xfs /dev/nvme0n1 rw,attr2',
    '311 24 0:44 / /mnt/pool ro,noatime - btrfs /dev/sdb rw,space_cache',
    '312 24 8:32 / /mnt/broken rw - xfs /dev/sdc ro,noquota',
    '',
  ].join('\n')
  t.strictSame(
    parseMountinfo(text).map(({ at, device, type, isReadOnly, source }) =>
      [at, device, type, isReadOnly, source].join(' '),
    ),
    [
      '/ 254:0 ext4 false /dev/root',
      '/mnt/a b\\c 259:3 xfs false /dev/nvme0n1',
      '/mnt/pool 0:44 btrfs true /dev/sdb',
      '/mnt/broken 8:32 xfs true /dev/sdc',
    ],
  )
  t.end()
})

await t.test('of two mounts on one point the last is there', t => {
  const text = '1 0 8:0 / /a rw - xfs /dev/sda rw\n2 1 8:16 / /a rw - xfs /dev/sdb rw\n'
  t.match(parseMountinfo(text), [{ at: '/a', device: '8:16' }])
  t.equal(parseMountinfo(text).length, 1)
  t.end()
})

await t.test('what is hidden below another mount is not shown', t => {
  const shown = (...lines: string[]) =>
    parseShownMounts(lines.map(line => `${line} rw - xfs /dev/sda rw\n`).join('')).map(
      ({ id }) => id,
    )
  const top = '1 0 8:0 / /'
  const shared = ['65 1 8:0 /s /s', '67 65 8:0 /s /s', '66 67 0:9 / /s/data', '68 65 0:9 / /s/data']
  t.strictSame(shown(top, ...shared), [1, 67, 66], 'a twin, made by propagation, mounted later')
  t.strictSame(shown(top, '2 1 0:9 / /s/data', '3 1 8:0 /s /s'), [1, 3], 'below a later mount')
  t.strictSame(shown(top, '2 1 8:0 /s /s', '3 2 0:9 / /s/data', '4 1 0:9 / /s-data'), [1, 2, 3, 4])
  t.strictSame(
    shown(top, '2 1 8:0 / /a', '3 2 8:1 / /a', '4 3 8:1 / /a/b', '5 2 8:1 / /a/b'),
    [1, 3, 4],
  )
  t.strictSame(shown('1 1 8:0 / /', '2 1 8:0 / /a'), [1, 2], 'a root that is its own parent')
  t.strictSame(shown('7 3 8:0 / /', '9 8 8:0 / /a'), [7, 9], 'parents that are not told')
  t.end()
})

await t.test('letters of other scripts in a path stay as they are', t => {
  t.match(parseMountinfo('1 0 8:0 / /größe\\011x rw - xfs /dev/sda rw'), [{ at: '/größe\tx' }])
  t.end()
})

await t.test('what is swapped to is read from its table', t => {
  const text =
    'Filename\tType\tSize\tUsed\tPriority\n/dev/sda2   partition\t1\t0\t-2\n/a\\040b file\t1\t0\t-3\n'
  t.strictSame(parseSwaps(text), ['/dev/sda2', '/a b'])
  t.strictSame(parseSwaps(''), [])
  t.end()
})
