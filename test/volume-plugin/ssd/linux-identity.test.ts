import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { FakeSysfs } from '../../disks/fake-sysfs.ts'
import { diskNamed, held } from '../../disks/hold.ts'
import { LoopDisk, MIB } from '../../disks/loop-disk.ts'
import { canUseDisks } from '../../disks/requirements.ts'
import { LinuxDisks } from '../../../volume-plugin/ssd/linux-disks.ts'
import { decodeSerialPage } from '../../../volume-plugin/ssd/sysfs.ts'

t.setTimeout(5 * 60_000)

if (canUseDisks()) {
  await t.test(
    'a disk is known by its world wide name, its serial number and its model',
    async t => {
      const loop = await LoopDisk.create(t)
      const fake = FakeSysfs.create(t)
      fake.show(loop, 'sdy', { wwid: 'naa.5000c500', serial: 'S1', model: 'Lab SSD' })
      const link = fake.link('sdy', 'wwn-0x5000c500')
      const size = 512 * MIB
      t.match(await diskNamed('sdy', fake), {
        node: join(fake.devRoot, 'sdy'),
        device: loop.device,
        links: [link],
        identity: { wwid: 'naa.5000c500', serial: 'S1', model: 'Lab SSD', size },
        backingFile: undefined,
        transport: 'sata',
        numaNode: 0,
        state: 'running',
        isRemovable: false,
        isRotational: false,
        isZoned: false,
      })
    },
  )

  await t.test('NVMe, hidden, removable, rotational and zoned disks say so', async t => {
    const fake = FakeSysfs.create(t)
    const files = {
      hidden: '1',
      removable: '1',
      'queue/rotational': '1',
      'queue/zoned': 'host-aware',
    }
    fake.show(await LoopDisk.create(t), 'nvme0n1', { wwid: 'eui.01', files })
    t.match(await diskNamed('nvme0n1', fake), {
      identity: { wwid: 'eui.01' },
      transport: 'nvme',
      state: 'live',
      isHidden: true,
      isRemovable: true,
      isRotational: true,
      isZoned: true,
    })
  })

  await t.test('a read-only disk says so; a file that is not there is no error', async t => {
    const fake = FakeSysfs.create(t)
    const files = { 'device/state': '', 'queue/zoned': '', 'device/numa_node': '', hidden: '' }
    fake.show(await LoopDisk.create(t, { readOnly: true }), 'sdy', { wwid: '', serial: '', files })
    t.match(await diskNamed('sdy', fake), {
      identity: { wwid: '', serial: '' },
      isReadOnly: true,
      numaNode: -1,
      state: '',
      isZoned: false,
    })
  })

  await t.test('it is held and used under the name that it has', async t => {
    const loop = await LoopDisk.create(t)
    const fake = FakeSysfs.create(t)
    fake.show(loop, 'sdy')
    const hold = await held(t, await diskNamed('sdy', fake), fake)
    t.strictSame(await hold.signatures(), [])
    await hold.write(MIB, Buffer.from('x'))
    t.equal((await loop.read(MIB, 1)).toString(), 'x')
  })

  await t.test(
    'a disk that turns into another one while it keeps its number is noticed',
    async t => {
      const fake = FakeSysfs.create(t)
      fake.show(await LoopDisk.create(t), 'sdy', { serial: 'S1' })
      const before = await diskNamed('sdy', fake)
      writeFileSync(join(fake.sysRoot, 'block/sdy/device/serial'), 'S2\n')
      t.match(await new LinuxDisks(fake).hold(before), { held: false, why: /another disk/ })
    },
  )

  await t.test('a node that is not of that disk is noticed', async t => {
    const [one, two] = [await LoopDisk.create(t), await LoopDisk.create(t)]
    const fake = FakeSysfs.create(t)
    fake.show(one, 'sdy')
    const before = await diskNamed('sdy', fake)
    const found = await new LinuxDisks(fake).hold({ ...before, node: two.node })
    t.match(found, { held: false, why: /is device 7:\d+, not/ })
    const file = join(fake.devRoot, 'file')
    writeFileSync(file, 'precious')
    const noDevice = await new LinuxDisks(fake).hold({ ...before, node: file })
    t.match(noDevice, { held: false, why: /no block device/ })
    t.equal(readFileSync(file, 'utf8'), 'precious')
  })

  await t.test('a disk that is gone, and one whose node is missing, are not held', async t => {
    const fake = FakeSysfs.create(t)
    fake.show(await LoopDisk.create(t), 'sdy')
    const before = await diskNamed('sdy', fake)
    fake.hide('sdy')
    t.match(await new LinuxDisks(fake).hold(before), { held: false, busy: false, why: /ENOENT/ })
  })
}

await t.test(
  'devices without a file or a size are no disks; others without a size are',
  async t => {
    const sysRoot = mkdtempSync(join(tmpdir(), 'berth-sysfs-'))
    t.teardown(() => rmSync(sysRoot, { recursive: true }))
    for (const name of ['loop3', 'zram0', 'ram1', 'sr0']) {
      mkdirSync(join(sysRoot, 'block', name), { recursive: true })
      writeFileSync(join(sysRoot, 'block', name, 'dev'), '1:1\n')
      writeFileSync(join(sysRoot, 'block', name, 'size'), '0\n')
    }
    const disks = await new LinuxDisks({ sysRoot }).list()
    t.strictSame(
      disks.map(({ name }) => name),
      ['sr0'],
    )
  },
)

await t.test('the serial number of a SCSI disk is read from its page', t => {
  const page = (serial: string, length = serial.length) =>
    Buffer.concat([Buffer.from([0, 0x80, 0, length]), Buffer.from(serial, 'latin1')])
  t.equal(decodeSerialPage(page('  S3Z1NX0K \0')), 'S3Z1NX0K')
  t.equal(decodeSerialPage(page('ABCDEF', 3)), 'ABC')
  t.equal(decodeSerialPage(Buffer.from([0, 0x83, 0, 1, 65])), '', 'another page')
  t.equal(decodeSerialPage(Buffer.alloc(0)), '')
  t.end()
})
