import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { LevelDatabase } from '../../../../shared/level-database.ts'
import { Choosing } from '../../../../volume-plugin/ssd/choosing.ts'
import type { ClaimId } from '../../../../volume-plugin/ssd/claim.ts'
import { Claims } from '../../../../volume-plugin/ssd/claims.ts'
import { LevelClaimBook } from '../../../../volume-plugin/ssd/level-claim-book.ts'
import { LinuxDisks } from '../../../../volume-plugin/ssd/linux-disks.ts'
import { Locks } from '../../../../volume-plugin/ssd/locks.ts'
import { readSsdOptions } from '../../../../volume-plugin/ssd/options.ts'
import { Witness } from '../../../../volume-plugin/ssd/witness.ts'
import { requireVolumeName } from '../../../../volume-plugin/volume-name.ts'
import { FakeSysfs } from '../../../disks/fake-sysfs.ts'
import type { FakeDisk } from '../../../disks/fake-sysfs.ts'
import { LoopDisk } from '../../../disks/loop-disk.ts'
import { canUseDisks } from '../../../disks/requirements.ts'
import { SIZE } from './state.ts'

t.setTimeout(300_000)

/** What no loop device can be, told of one that is blank. */
const SHOWN: readonly (readonly [string, string, FakeDisk, RegExp])[] = [
  ['removable', 'sdy', { files: { removable: '1' } }, /calls it removable/],
  ['rotational', 'sdy', { files: { 'queue/rotational': '1' } }, /calls it rotational/],
  ['zoned', 'nvme7n1', { files: { 'queue/zoned': 'host-managed' } }, /it is zoned/],
  ['offline', 'sdy', { files: { 'device/state': 'offline' } }, /says that it is offline/],
  ['built upon', 'sdy', { files: { 'holders/dm-0': '1' } }, /built upon it: dm-0/],
  ['without a number', 'sdy', { wwid: '', serial: '' }, /neither a world wide name nor a serial/],
  ['of another kind', 'md7', {}, /Passed over: 1 disk/],
  ['hidden', 'nvme7c0n1', { files: { hidden: '1' } }, /Passed over: 1 disk/],
]

if (canUseDisks()) {
  await t.test('a blank disk that is as it should be is chosen, and held', async t => {
    const { fake, choose } = await world(t)
    fake.show(await LoopDisk.create(t, { size: SIZE }), 'nvme7n1')
    const { hold, claim } = await choose()
    t.match(hold, { held: true, disk: { name: 'nvme7n1' } })
    t.match(claim.identity, { model: 'Lab SSD 1000', serial: /^SER-/ })
  })

  for (const [is, name, told, says] of SHOWN) {
    await t.test(`a blank disk that is ${is} is not chosen`, async t => {
      const { fake, choose } = await world(t)
      fake.show(await LoopDisk.create(t, { size: SIZE }), name, told)
      await t.rejects(choose(), { code: 'no-free-disk', message: says })
    })
  }

  for (const [what, same] of [
    ['a world wide name', { wwid: 'naa.5000c5001', serial: '' }],
    ['a model and a serial number', { wwid: '', serial: 'S1' }],
  ] as const) {
    await t.test(`of two disks that share ${what} neither is chosen`, async t => {
      const { fake, choose } = await world(t)
      for (const name of ['sdy', 'sdz']) {
        fake.show(await LoopDisk.create(t, { size: SIZE }), name, same)
      }
      await t.rejects(choose(), { code: 'no-free-disk', message: /same disk as sdz.*as sdy/ })
    })
  }
}

async function world(t: Test) {
  const fake = FakeSysfs.create(t)
  const folder = t.testdir()
  const database = await LevelDatabase.open(join(folder, 'db'))
  t.teardown(() => database.close())
  const witness = await Witness.open([join(folder, 'volumes.json')])
  const book = new LevelClaimBook(database, witness, 'boot')
  const policy = { devices: [`${fake.devRoot}/*`], deny: [], allowLoop: false }
  const claims = new Claims(book, await book.load())
  const choosing = new Choosing(new LinuxDisks(fake), claims, policy, new Locks())
  const volume = {
    name: requireVolumeName('data'),
    options: readSsdOptions({}),
    created: new Date().toISOString(),
    fsUuid: randomUUID(),
    host: 'testhost',
    boot: 'boot',
  }
  const choose = async () => {
    const id = randomBytes(16).toString('hex') as ClaimId
    const chosen = await choosing.claim({ id, volume })
    t.teardown(() => chosen.hold.release())
    return chosen
  }
  return { fake, choose }
}
