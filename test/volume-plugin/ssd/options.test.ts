import { execFile } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { Refusal } from '../../../shared/refusal.ts'
import {
  decodeSsdOptions,
  optionsText,
  readSsdOptions,
  sameOptions,
} from '../../../volume-plugin/ssd/options.ts'

const NOTHING = {
  size: undefined,
  require: {},
  mkfs: [],
  mount: [],
  uid: undefined,
  gid: undefined,
  mode: undefined,
  retainMs: undefined,
}

await t.test('nothing asked is nothing wanted', t => {
  t.strictSame(readSsdOptions({}), NOTHING)
  t.strictSame(readSsdOptions({ fs: 'xfs' }), NOTHING, 'it is XFS anyway')
  t.strictSame(optionsText(NOTHING), {})
  t.end()
})

await t.test('each option is read, and lists come in an order of their own', t => {
  const given = {
    size: '400GiB',
    require: 'zone=rack 7, class=nvme',
    mkfs: 'agcount=8,isize=1024, reflink=0,sparse=1',
    mount: 'logbsize=256k,allocsize=64k,discard',
    uid: '0',
    gid: '4294967294',
    mode: '0750',
    retain: '36h',
  }
  const options = readSsdOptions(given)
  t.strictSame(options, {
    size: 400 * 2 ** 30,
    require: { zone: 'rack 7', class: 'nvme' },
    mkfs: ['-m', 'reflink=0', '-i', 'sparse=1', '-d', 'agcount=8', '-i', 'size=1024'],
    mount: ['discard', 'logbsize=256k', 'allocsize=64k'],
    uid: 0,
    gid: 4_294_967_294,
    mode: 0o750,
    retainMs: 36 * 3_600_000,
  })
  t.strictSame(optionsText(options), {
    ...given,
    require: 'class=nvme,zone=rack 7',
    mkfs: 'reflink=0,sparse=1,agcount=8,isize=1024',
    mount: 'discard,logbsize=256k,allocsize=64k',
  })
  t.end()
})

await t.test('values at their limits', t => {
  t.match(readSsdOptions({ mode: '0', retain: '0' }), { mode: 0, retainMs: 0 })
  t.match(readSsdOptions({ mode: '07777', retain: '36500d' }), { mode: 0o7777 })
  t.match(readSsdOptions({ mount: 'logbufs=2' }), { mount: ['logbufs=2'] })
  t.match(readSsdOptions({ mount: 'allocsize=1024m' }), { mount: ['allocsize=1024m'] })
  t.match(readSsdOptions({ require: 'zone=' }), { require: { zone: '' } })
  t.end()
})

await t.test(
  'what cannot be is refused with the option, what was given, and what is allowed',
  t => {
    for (const [name, value, why] of [
      ['size', '400GB', /write 400GiB/],
      ['size', '', /whole number/],
      ['require', '', /"" is not a label and its value, such as class=nvme/],
      ['require', 'nvme', /"nvme" is not a label/],
      ['require', 'class=nvme,', /"" is not a label/],
      ['require', 'Class=nvme', /"Class" is not a name for a label/],
      ['require', '__proto__=x', /not a name for a label/],
      ['require', 'a=1,a=2', /The label a is there twice/],
      ['require', 'a=b=c', /not a value for the label a/],
      ['mkfs', '', /"" is not allowed; there are reflink, bigtime, .*agcount, isize/],
      ['mkfs', 'crc=0', /"crc=0" is not allowed/],
      ['mkfs', '-f', /"-f" is not allowed/],
      ['mkfs', 'reflink', /reflink must be 0 or 1/],
      ['mkfs', 'reflink=2', /reflink must be 0 or 1/],
      ['mkfs', 'reflink=0,reflink=0', /reflink is there twice/],
      ['mkfs', 'agcount=1', /agcount must be from 2 to 1024/],
      ['mkfs', 'agcount=1025', /agcount must be/],
      ['mkfs', 'agcount=08', /agcount must be/],
      ['mkfs', 'isize=256', /isize must be 512, 1024 or 2048/],
      ['mkfs', 'finobt=0,inobtcount=1', /inobtcount=1 needs finobt=1/],
      ['mount', 'ro', /"ro" is not allowed; there are discard, .*allocsize/],
      ['mount', 'discard=1', /discard must be given without a value/],
      ['mount', 'norecovery', /not allowed/],
      ['mount', 'logdev=/dev/sdb', /not allowed/],
      ['mount', 'discard,discard', /discard is there twice/],
      ['mount', 'logbufs=9', /logbufs must be from 2 to 8/],
      ['mount', 'logbsize=48k', /logbsize must be 16k, 32k/],
      ['mount', 'allocsize=48k', /allocsize must be a power of two/],
      ['mount', 'allocsize=2k', /allocsize must be a power of two from 4k to 1g/],
      ['mount', 'allocsize=2g', /allocsize must be/],
      ['mount', 'allocsize=65536', /allocsize must be/],
      ['uid', '4294967295', /from 0 to 4294967294/],
      ['uid', 'root', /names mean nothing outside an image/],
      ['gid', '-1', /from 0 to/],
      ['mode', '0o750', /octal/],
      ['mode', '10000', /from 0 to 7777/],
      ['mode', '888', /octal/],
      ['retain', '7', /a number and a unit/],
      ['retain', '36501d', /Must be 36500d at most/],
      ['fs', 'ext4', /mkfs.ext4 overwrites whatever it finds, and Berth's mark/],
      ['fs', 'btrfs', /Volumes are XFS alone/],
      [
        'Size',
        '1GiB',
        /no such option; there are size, require, mkfs, mount, uid, gid, mode, retain/,
      ],
      ['__proto__', '1GiB', /no such option/],
    ] as const) {
      const given = JSON.parse(`{"${name}":${JSON.stringify(value)}}`) as Record<string, string>
      const refusal = refusalOf(given)
      t.match(refusal, { code: 'bad-option', message: why }, `${name}=${value}`)
      t.ok(refusal?.message.startsWith(`Option ${name}=${value}: `), 'with what was given')
    }
    t.end()
  },
)

await t.test('too many options, and too long ones, are refused without repeating them', t => {
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`o${n}`, 'x']))
  t.throws(() => readSsdOptions(many), { message: /^65 options were given, and 64 are allowed/ })
  const long = { require: `a=${'x'.repeat(5000)}` }
  t.throws(() => readSsdOptions(long), { message: /^Option .{200}…: Must be 4096 bytes at most$/ })
  t.end()
})

await t.test('options are the same in whatever words', t => {
  const same = (a: Record<string, string>, b: Record<string, string>) =>
    sameOptions(readSsdOptions(a), readSsdOptions(b))
  t.ok(same({}, { fs: 'xfs' }))
  t.ok(same({ size: '1024MiB', retain: '24h' }, { retain: '1d', size: '1GiB' }))
  t.ok(same({ require: 'a=1,b=2' }, { require: 'b=2,a=1' }))
  t.ok(same({ mkfs: 'isize=512,reflink=1' }, { mkfs: 'reflink=1,isize=512' }))
  t.ok(same({ mode: '750', mount: 'discard,largeio' }, { mode: '0750', mount: 'largeio,discard' }))
  for (const [name, value] of Object.entries({
    size: '2GiB',
    require: 'a=2',
    mkfs: 'isize=512',
    mount: 'discard',
    uid: '0',
    gid: '0',
    mode: '0',
    retain: '0',
  })) {
    t.notOk(same({}, { [name]: value }), name)
  }
  t.end()
})

await t.test('options are the same after they were a record', t => {
  for (const given of [
    {},
    {
      size: '1000000000',
      require: 'a=1',
      mkfs: 'bigtime=0,agcount=4',
      mount: 'lazytime',
      uid: '7',
      gid: '8',
      mode: '7',
      retain: '1500ms',
    },
  ]) {
    const options = readSsdOptions(given)
    t.strictSame(decodeSsdOptions(JSON.parse(JSON.stringify(options))), options)
    t.strictSame(readSsdOptions(optionsText(options)), options)
  }
  t.throws(() => decodeSsdOptions({ require: {}, mkfs: [], mount: [], encrypt: true }))
  t.throws(() => decodeSsdOptions({ require: {}, mkfs: 'reflink=0', mount: [] }))
  t.end()
})

await t.test('mkfs.xfs takes whatever is let through to it', async t => {
  const disk = join(t.testdir({}), 'disk')
  {
    await using file = await open(disk, 'w')
    await file.truncate(2 ** 31)
  }
  const bits = ['reflink', 'bigtime', 'finobt', 'rmapbt', 'inobtcount', 'sparse']
  for (const mkfs of [
    ...bits.flatMap(name => [`${name}=0`, `${name}=1`]),
    bits.map(name => `${name}=0`).join(','),
    bits.map(name => `${name}=1`).join(','),
    'rmapbt=1,isize=2048,sparse=0,agcount=16',
    'isize=512',
    'isize=1024',
    'agcount=2',
  ]) {
    const { mkfs: args } = readSsdOptions({ mkfs })
    const uuid = 'uuid=3f1d1c57-4a9e-4a52-8f3c-9d6a3f0a5b11,crc=1'
    await t.resolves(run('mkfs.xfs', ['-q', '-f', '-K', '-m', uuid, ...args, disk]), mkfs)
  }
})

async function run(tool: string, args: readonly string[]): Promise<void> {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }
  await promisify(execFile)(tool, args, { env, timeout: 60_000 })
}

function refusalOf(given: Record<string, string>): Refusal | undefined {
  try {
    readSsdOptions(given)
    return undefined
  } catch (error) {
    return error instanceof Refusal ? error : undefined
  }
}
