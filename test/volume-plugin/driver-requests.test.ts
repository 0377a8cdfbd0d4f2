import { t as file } from 'tap'
import { LoopDisk, MIB } from '../disks/loop-disk.ts'
import { canUseDisks } from '../disks/requirements.ts'
import { isDropped, pluginFolder, requireOk, VolumePlugin } from './process.ts'

file.setTimeout(300_000)

const NO_NAMES = [
  '',
  '.',
  '..',
  '../x',
  '/x',
  'a/b',
  'a\0b',
  'a\nb',
  'a\n',
  '-a',
  ' a',
  'ä',
  'a'.repeat(200),
]
const ANONYMOUS = '0123456789abcdef'.repeat(4)
const WITH_BODY = ['Get', 'Path', 'Create', 'Remove', 'Mount', 'Unmount']

const BAD_OPTIONS: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
  [{ colour: 'blue' }, /colour=blue.*there are size, require, mkfs/],
  [{ size: '400GB' }, /size=400GB.*400GiB/],
  [{ size: '0' }, /size=0.*more than 0/],
  [{ size: '-1' }, /size=-1.*400GiB/],
  [{ size: '9000TiB' }, /size=9000TiB.*8192TiB/],
  [{ fs: 'ext4' }, /fs=ext4.*XFS alone/],
  [{ fs: 'btrfs' }, /fs=btrfs.*XFS alone/],
  [{ mkfs: 'sunit=8' }, /mkfs=sunit=8.*not allowed.*reflink/],
  [{ mkfs: 'agcount=0' }, /agcount must be from/],
  [{ mount: 'suid' }, /mount=suid.*not allowed.*lazytime/],
  [{ mount: 'logbufs=2,noexec' }, /"noexec" is not allowed/],
  [{ uid: 'root' }, /uid=root.*number/],
  [{ gid: '4294967295' }, /gid=4294967295.*4294967294/],
  [{ mode: '999' }, /mode=999.*octal/],
  [{ retain: 'never' }, /retain=never/],
  [{ require: 'nvme' }, /require=nvme.*class=nvme/],
  [{ size: 'x'.repeat(5000) }, /4096 bytes/],
  [Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`o${index}`, ''])), /65 options/],
]

if (canUseDisks()) {
  await file.test('what makes no sense is refused, and takes no disk', async t => {
    const disk = await LoopDisk.create(t, { size: 320 * MIB })
    const before = await disk.checksum()
    const plugin = await VolumePlugin.start(t, await pluginFolder(t), { disks: [disk] })

    await t.test('a name that is none', async t => {
      for (const name of NO_NAMES) {
        const refusal = { status: 500, body: { Err: /is not a name for a volume/ } }
        t.match(await plugin.create(name), refusal, JSON.stringify(name))
        t.match(await plugin.call('Mount', { Name: name, ID: '1' }), refusal)
        t.match(await plugin.get(name), { status: 500, body: { Err: /no such volume/ } })
        t.match(await plugin.unmount(name, '1'), { status: 200, body: {} })
        t.match(await plugin.remove(name), { status: 200, body: {} })
      }
    })

    await t.test('a volume that is not there', async t => {
      const unknown = { status: 500, body: { Err: 'no such volume: gone' } }
      t.match(await plugin.get('gone'), unknown)
      t.match(await plugin.call('Path', { Name: 'gone' }), unknown)
      const mount = await plugin.call('Mount', { Name: 'gone', ID: '1' })
      t.match(mount, { status: 500, body: { Err: /no volume gone/ } })
      t.match(await plugin.unmount('gone', '1'), { status: 200, body: {} })
      t.match(await plugin.remove('gone'), { status: 200, body: {} })
    })

    await t.test('a volume that nobody named', async t => {
      t.match(await plugin.create(ANONYMOUS), {
        status: 500,
        body: { Err: /name it .*SSD_ANONYMOUS=1/ },
      })
    })

    for (const [options, says] of BAD_OPTIONS) {
      const name = Object.entries(options).flat().join('=').slice(0, 30)
      await t.test(`the option ${name}`, async t => {
        t.match(await plugin.create('data', options), { status: 500, body: { Err: says } })
      })
    }

    await t.test('a request that lost its body, or that cannot be read', async t => {
      for (const method of WITH_BODY) {
        for (const text of ['', '{', '\0', '{"Name":"data"']) {
          t.ok(await isDropped(plugin.post(method, text)), `${method} ${JSON.stringify(text)}`)
        }
      }
      for (const text of ['[]', '{}', 'null', '{"Name":7}']) {
        t.ok(await isDropped(plugin.post('Get', text)), `Get ${text}`)
        t.match(await plugin.post('Create', text), { status: 500, body: { Err: /Cannot read/ } })
      }
    })

    t.strictSame(await plugin.names(), [])
    t.strictSame(await plugin.claims(), [])
    await plugin.end('SIGTERM')
    t.equal(await disk.checksum(), before)
  })

  await file.test('what the engine asks without a body is answered', async t => {
    const plugin = await VolumePlugin.start(t, await pluginFolder(t))
    t.strictSame((await plugin.activate()).body, { Implements: ['VolumeDriver'] })
    const local = { Capabilities: { Scope: 'local' } }
    t.strictSame((await plugin.call('Capabilities')).body, local)
    t.strictSame((await plugin.call('Capabilities', {})).body, local)
    t.strictSame((await plugin.call('List')).body, { Volumes: [] })
  })

  await file.test('options may be missing, and what is not known of a request is left', async t => {
    const disks = [
      await LoopDisk.create(t, { size: 320 * MIB }),
      await LoopDisk.create(t, { size: 320 * MIB }),
    ]
    const plugin = await VolumePlugin.start(t, await pluginFolder(t), {
      disks,
      settings: { SSD_ANONYMOUS: '1' },
    })
    requireOk(await plugin.call('Create', { Name: 'plain', Opts: null, Later: 'a field' }))
    requireOk(await plugin.call('Create', { Name: ANONYMOUS }))
    t.same(await plugin.names(), ['plain', ANONYMOUS])
  })
}
