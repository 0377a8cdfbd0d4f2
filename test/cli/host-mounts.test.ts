import t from 'tap'
import { checkMounts } from '../../cli/host-mounts.ts'
import { parseShownMounts } from '../../shared/mountinfo.ts'

const WANTED = {
  root: '/mnt/data',
  source: '/mnt',
  types: ['nfs4', 'ceph'],
  engine: '/var/lib/docker',
}

const PLAIN_ROOT = '1 0 8:1 / / rw - ext4 /dev/sda1 rw'
const SHARED_ROOT = '1 0 8:1 / / rw shared:1 - ext4 /dev/sda1 rw'
const SHARED_SOURCE = '2 1 8:1 /mnt /mnt rw shared:2 - ext4 /dev/sda1 rw'
const PLAIN_SOURCE = '2 1 8:1 /mnt /mnt rw - ext4 /dev/sda1 rw'
const DATA = '3 2 0:40 / /mnt/data rw shared:3 - nfs4 filer:/export rw'

const check = (wanted: Partial<typeof WANTED>, ...lines: readonly string[]) =>
  checkMounts({ ...WANTED, ...wanted }, parseShownMounts(lines.join('\n')))
const states = (...args: Parameters<typeof check>) => check(...args).map(({ state }) => state)
const todo = (...args: Parameters<typeof check>) => check(...args).flatMap(each => each.todo)

await t.test('all is well below a shared mount point', t => {
  for (const first of [PLAIN_ROOT, SHARED_ROOT]) {
    t.strictSame(states({}, first, SHARED_SOURCE, DATA), ['ok', 'ok', 'ok', 'ok'])
    t.strictSame(todo({}, first, SHARED_SOURCE, DATA), [])
  }
  t.match(check({}, PLAIN_ROOT, SHARED_SOURCE, DATA), [
    { check: '/mnt is a shared mount point' },
    { check: '/mnt/data is mounted', found: 'nfs4 from filer:/export' },
  ])
  t.end()
})

await t.test('below a plain folder nothing arrives that is mounted later', t => {
  for (const first of [PLAIN_ROOT, SHARED_ROOT]) {
    t.match(check({}, first, DATA), [{ state: 'wrong', found: /never arrives/ }, { state: 'ok' }])
    t.match(todo({}, first, DATA), [
      'mount --rbind /mnt /mnt',
      'mount --make-rshared /mnt',
      /disable.*enable/,
      /fstab.* \/mnt \/mnt none rbind,rshared 0 0$/,
    ])
  }
  t.end()
})

await t.test('a mount point that is not shared is to be made so', t => {
  t.match(check({}, SHARED_ROOT, PLAIN_SOURCE, DATA), [
    { state: 'wrong', found: 'it is not shared', todo: ['mount --make-rshared /mnt', /./, /./] },
  ])
  const slave = PLAIN_SOURCE.replace(' rw -', ' rw master:1 -')
  t.match(check({}, SHARED_ROOT, slave, DATA), [{ state: 'wrong', found: 'it is not shared' }])
  t.end()
})

await t.test('a mount between the two must be shared as well', t => {
  const deeper = { root: '/mnt/pool/data' }
  const data = DATA.replace('/mnt/data', '/mnt/pool/data')
  const pool = (how: string) => `4 2 8:2 / /mnt/pool rw ${how}- ext4 /dev/sdb1 rw`
  t.match(check(deeper, SHARED_ROOT, SHARED_SOURCE, pool(''), data), [
    { state: 'wrong', found: '/mnt/pool, below it, is not shared' },
  ])
  t.match(check(deeper, SHARED_ROOT, SHARED_SOURCE, pool('shared:4 '), data), [{ state: 'ok' }])
  t.end()
})

await t.test('a folder of a shared mount that the engine does not keep its data on will do', t => {
  const engine = '4 1 8:2 / /var/lib/docker rw shared:4 - ext4 /dev/sdb1 rw'
  t.match(check({}, SHARED_ROOT, engine, DATA), [
    { state: 'ok', found: 'it is a folder of /, which is one' },
  ])
  t.match(check({}, PLAIN_ROOT, engine, DATA), [{ state: 'wrong' }])
  t.match(check({ engine: '/data/docker' }, SHARED_ROOT, engine, DATA), [{ state: 'wrong' }])
  t.end()
})

await t.test('CLUSTER_ROOT is strictly below the source', t => {
  t.match(check({ root: '/mnt' }, SHARED_ROOT, SHARED_SOURCE), [
    {
      state: 'wrong',
      found: /it is the same/,
      todo: [/mount the file system below .* such as \/mnt\/mnt/],
    },
  ])
  for (const root of ['/data', '/mntdata', '/mnt-2/data']) {
    t.match(check({ root }, SHARED_ROOT, SHARED_SOURCE, DATA), [
      { state: 'wrong', found: /the plugin would not see it/ },
    ])
  }
  t.match(check({ source: '/' }, SHARED_ROOT, DATA), [{ check: '/ is a shared mount point' }])
  t.end()
})

await t.test('what is not mounted, of another type or read-only is said', t => {
  t.match(check({}, SHARED_ROOT, SHARED_SOURCE), [
    { state: 'ok' },
    { state: 'wrong', found: /the disk underneath/ },
  ])
  t.match(check({ types: ['ceph'] }, SHARED_ROOT, SHARED_SOURCE, DATA), [
    {},
    {},
    { state: 'wrong', found: 'nfs4; allowed are ceph', todo: [/./, /CLUSTER_FSTYPE=nfs4/] },
    { state: 'ok' },
  ])
  t.match(check({}, SHARED_ROOT, SHARED_SOURCE, DATA.replace(' rw shared', ' ro shared')), [
    {},
    {},
    { state: 'ok' },
    { state: 'wrong', found: 'it is read-only' },
  ])
  t.end()
})
