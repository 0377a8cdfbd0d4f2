import t from 'tap'
import { parseMountinfo, parseSwaps } from '../../shared/mountinfo.ts'

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
