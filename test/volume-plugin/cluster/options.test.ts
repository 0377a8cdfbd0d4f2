import t from 'tap'
import {
  clusterOptionsText,
  decodeClusterOptions,
  readClusterOptions,
  sameClusterOptions,
} from '../../../volume-plugin/cluster/cluster-options.ts'

const NOTHING = {
  access: 'shared',
  path: undefined,
  app: undefined,
  uid: undefined,
  gid: undefined,
  mode: undefined,
  retainMs: undefined,
}

await t.test('nothing asked is a shared volume in a folder of its own', t => {
  t.strictSame(readClusterOptions({}), NOTHING)
  t.strictSame(readClusterOptions({ access: 'shared' }), NOTHING)
  t.strictSame(clusterOptionsText(readClusterOptions({})), {})
  t.end()
})

await t.test('each option is read, and written again without loss', t => {
  for (const [given, options] of [
    [
      { access: 'exclusive', uid: '0', gid: '4294967294', mode: '0750', retain: '36h' },
      { access: 'exclusive', uid: 0, gid: 4_294_967_294, mode: 0o750, retainMs: 36 * 3_600_000 },
    ],
    [{ path: 'projects/web' }, { path: ['projects', 'web'] }],
    [
      { path: '.data/a b', access: 'exclusive', retain: '0' },
      { path: ['.data', 'a b'], access: 'exclusive', retainMs: 0 },
    ],
    [
      { kind: 'log', app: 'shop.web', mode: '2770' },
      { app: 'shop.web', mode: 0o2770 },
    ],
  ] as const) {
    const read = readClusterOptions(given)
    t.strictSame(read, { ...NOTHING, ...options })
    t.strictSame(clusterOptionsText(read), given)
    t.strictSame(decodeClusterOptions(JSON.parse(JSON.stringify(read))), read)
  }
  t.end()
})

await t.test(
  'what cannot be is refused with the option, what was given, and what is allowed',
  t => {
    for (const [name, value, why] of [
      ['access', 'private', /Must be shared, or exclusive for one host at a time/],
      ['access', '', /Must be shared/],
      ['path', '', /Must be a path below CLUSTER_ROOT, such as projects\/web/],
      ['path', '/etc', /no slash at its ends/],
      ['path', 'a/../../etc', /no "\.\."/],
      ['path', 'a//b', /Must be a path/],
      ['path', 'a\0b', /no control characters/],
      ['path', 'volumes/web', /Must not be in volumes\/, where Berth makes and removes/],
      ['path', '.berth', /Must not be in \.berth\//],
      ['path', 'logs', /Must not be in logs\//],
      ['uid', '4294967295', /from 0 to 4294967294/],
      ['gid', 'users', /names mean nothing outside an image/],
      ['mode', '999', /octal/],
      ['kind', 'db', /Must be log, with app=NAME/],
      ['app', '../x', /1 to 128 letters/],
      ['app', '', /1 to 128 letters/],
      ['retain', 'ever', /a number and a unit/],
      [
        'size',
        '10GiB',
        /has no size of its own; .*ceph\.quota\.max_bytes, or gluster volume quota/,
      ],
      ['fs', 'xfs', /no such option; there are access, path, uid, gid, mode, kind, app and retain/],
      ['Access', 'shared', /no such option/],
      ['__proto__', 'x', /no such option/],
    ] as const) {
      const given = Object.fromEntries([[name, value]])
      t.throws(() => readClusterOptions(given), { code: 'bad-option', message: why }, name)
      t.throws(() => readClusterOptions(given), { message: /^Option \w+=.*: /s }, 'what was given')
    }
    t.end()
  },
)

await t.test('what contradicts each other is refused', t => {
  for (const [given, why] of [
    [{ kind: 'log' }, /^Option kind=log: Needs app=NAME/],
    [{ app: 'shop' }, /^Option app=shop: Needs kind=log/],
    [{ path: 'a', uid: '0' }, /^Option uid: Cannot be with path=a, .* taken as it is/],
    [{ gid: '0', path: 'a' }, /^Option gid: Cannot be with path=a/],
    [{ path: 'a', mode: '0' }, /^Option mode: Cannot be with path=a/],
    [{ path: 'a/b', kind: 'log', app: 'x' }, /^Option kind: Cannot be with path=a\/b/],
  ] as const) {
    t.throws(() => readClusterOptions(given), { code: 'bad-option', message: why })
  }
  t.end()
})

await t.test('not too many, and not too long', t => {
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`o${i}`, '']))
  t.throws(() => readClusterOptions(many), { message: /^65 options were given, and 64 are/ })
  const long = { path: 'x'.repeat(5000) }
  t.throws(() => readClusterOptions(long), { message: /^Option path=x{195}…: Must be 4096 bytes/ })
  t.end()
})

await t.test('the same is the same, in whatever order or units', t => {
  const same = (a: Record<string, string>, b: Record<string, string>) =>
    sameClusterOptions(readClusterOptions(a), readClusterOptions(b))
  t.ok(same({ access: 'shared', retain: '24h' }, { retain: '1d' }))
  t.ok(same({ mode: '750', uid: '1' }, { uid: '01', mode: '0750' }))
  t.notOk(same({}, { access: 'exclusive' }))
  t.notOk(same({}, { path: 'a' }))
  t.notOk(same({ path: 'a' }, { path: 'a/b' }))
  t.notOk(same({ kind: 'log', app: 'a' }, { kind: 'log', app: 'b' }))
  t.notOk(same({}, { uid: '0' }))
  t.notOk(same({}, { retain: '0' }))
  t.end()
})

await t.test('of a record nothing is believed that leads out of CLUSTER_ROOT', t => {
  for (const wrong of [
    { path: ['..', 'etc'] },
    { path: [] },
    { path: ['volumes', 'other'] },
    { path: ['a', ''] },
    { path: 'a' },
    { app: '..' },
    { uid: -1 },
    { mode: 0o10000 },
    { retainMs: 0.5 },
    { access: 'private' },
    { kind: 'log' },
  ]) {
    t.throws(() => decodeClusterOptions({ access: 'shared', ...wrong }), JSON.stringify(wrong))
  }
  t.throws(() => decodeClusterOptions({}))
  t.end()
})
