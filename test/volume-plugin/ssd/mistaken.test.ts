import { rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { t as file } from 'tap'
import type { ClaimState } from '../../../volume-plugin/ssd/claim.ts'
import { FakeSysfs } from '../../disks/fake-sysfs.ts'
import { LoopDisk, MIB } from '../../disks/loop-disk.ts'
import { canUseDisks } from '../../disks/requirements.ts'
import { Host, withVolume } from './host.ts'
import { claimOf } from './journal.ts'

file.setTimeout(300_000)
file.jobs = 3

const PARKED: ClaimState = { is: 'parked', since: '2026-01-02T03:04:05Z', keepMs: 1e9, keptMs: 0 }
const NO_IDS = ['constructor', '__proto__', 'toString', 'x'.repeat(10_000)]

if (canUseDisks()) {
  void file.test('a volume whose disk shows twice is neither removed nor mounted', async t => {
    const fake = FakeSysfs.create(t)
    const [one, other] = [await aDisk(t), await aDisk(t)]
    const host = await Host.create(t, 0)
    const same = { serial: 'SAME', wwid: 'naa.5000c50000000001' }
    fake.show(one, 'sdy', same)
    const running = await host.start({ roots: fake })
    await running.create('db')
    fake.show(other, 'sdz', same)
    await t.rejects(running.remove('db'), { code: 'volume-in-use', message: /two of its disk/ })
    await t.rejects(running.mount('db'), { code: 'not-mounted' })
    await t.rejects(running.ask('POST /v1/volumes/:name/forget', { name: 'db' }), {
      code: 'volume-exists',
    })
    t.strictSame(running.states, ['db ready'])
    fake.hide('sdz')
    await running.remove('db')
    t.strictSame(running.states, ['db parked'])
  })

  void file.test('a disk of which something cannot be read is not there', async t => {
    const fake = FakeSysfs.create(t)
    const [one, other] = [await aDisk(t), await aDisk(t)]
    const host = await Host.create(t, 0)
    fake.show(one, 'sdy')
    for (const attribute of ['device/wwid', 'device/serial', 'removable', 'ro', 'holders']) {
      fake.show(other, 'sdz')
      const running = await host.start({ roots: fake })
      t.ok(await running.disk('sdz'))
      const path = join(fake.sysRoot, 'block', 'sdz', attribute)
      rmSync(path, { recursive: true })
      // Asks for itself for ever: what the kernel says of it is no "there is none".
      symlinkSync(path, path)
      t.equal(await running.disk('sdz'), undefined, attribute)
      t.ok(await running.disk('sdy'))
      await running.end()
      rmSync(path)
      fake.hide('sdz')
    }
  })

  void file.test('ids of mounts are any texts, and are counted', async t => {
    const host = await Host.create(t, 1)
    await withVolume(host)
    for (const id of NO_IDS) {
      const running = await host.start()
      await running.mount('db', id)
      await running.mount('db', id)
      await running.unmount('db', id)
      await running.end()
      const later = await host.start()
      t.ok((await later.get('db'))?.mountpoint, `mounted by ${id.slice(0, 20)}, once`)
      await later.unmount('db', id)
      t.equal((await later.get('db'))?.mountpoint, undefined)
      await later.end()
    }
  })

  void file.test('counts of mounts that cannot be read stop nothing', async t => {
    const host = await Host.create(t, 0)
    const claim = claimOf('db')
    await host.journal.write(claim)
    for (const row of ['', 'garbage', '{"boot":"boot","ids":{"a":"many"}}']) {
      await host.journal.writeRow(`mounts/${claim.id}`, row)
      const running = await host.start()
      t.ok(await running.get('db'))
      await running.end()
    }
  })

  void file.test('a volume that is named like a claim of another is not taken for it', async t => {
    const host = await Host.create(t, 0)
    const other = claimOf('db')
    const named = claimOf(other.id)
    await host.journal.write({ ...other, state: PARKED }, { ...named, state: PARKED })
    const running = await host.start()
    for (const action of ['restore', 'wipe', 'forget'] as const) {
      const asked = running.ask(`POST /v1/volumes/:name/${action}`, { name: other.id })
      await t.rejects(asked, { code: 'bad-request', message: /id of another/ })
    }
    t.strictSame(running.states, [`${other.id} parked`, 'db parked'].toSorted())
    t.match(await running.ask('GET /v1/volumes/:name', { name: named.id }), {
      volume: { name: other.id },
    })
  })
}

async function aDisk(t: Parameters<typeof LoopDisk.create>[0]): Promise<LoopDisk> {
  return await LoopDisk.create(t, { size: 300 * MIB })
}
