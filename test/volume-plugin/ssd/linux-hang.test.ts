import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { diskNamed } from '../../disks/hold.ts'
import { LoopDisk, MIB } from '../../disks/loop-disk.ts'
import { canUseDisks, whyNoVolatileDisks } from '../../disks/requirements.ts'
import { VolatileDisk } from '../../disks/volatile-disk.ts'
import { LinuxDisks } from '../../../volume-plugin/ssd/linux-disks.ts'

t.setTimeout(5 * 60_000)

if (canUseDisks(whyNoVolatileDisks())) {
  await t.test('a disk that hangs fails by the deadline, and costs one thread at most', async t => {
    const hanging = await VolatileDisk.create(t)
    const healthy = await LoopDisk.create(t)
    const disks = new LinuxDisks({})
    const disk = await diskNamed(hanging.loop.name)
    const hold = await disks.hold(disk)
    if (!hold.held) throw new Error(hold.why)
    hanging.hang()
    t.teardown(() => hanging.resume())
    // More than Node has threads.
    const reads = Array.from({ length: 8 }, (_, index) => hold.read(index * 32 * MIB, 4096))
    const outcomes = Promise.allSettled([...reads, disks.read(disk, 0, 4096)])
    const other = await disks.hold(await diskNamed(healthy.name))
    t.ok(other.held && (await other.content()) === undefined, 'another disk is looked at meanwhile')
    if (other.held) await other.release()
    for (const { status } of await outcomes) t.equal(status, 'rejected')
    t.match(await disks.hold(disk), { held: false, why: /hangs since/ })
    await hold.release()
    hanging.resume()
    await delay(1000)
    const again = await disks.hold(disk)
    t.ok(again.held, 'it answers again')
    if (again.held) await again.release()
  })
}
