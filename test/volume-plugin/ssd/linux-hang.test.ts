import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { diskNamed, held } from '../../disks/hold.ts'
import { LoopDisk, MIB } from '../../disks/loop-disk.ts'
import { canUseDisks, whyNoVolatileDisks } from '../../disks/requirements.ts'
import { VolatileDisk } from '../../disks/volatile-disk.ts'
import { childrenOf, isAlive, programOf, waitForEnd } from '../../engine/lab/processes.ts'
import { until } from '../../engine/lab/until.ts'
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

  await t.test('a disk on which mkfs outlived the plugin is busy until mkfs ends', async t => {
    const hanging = await VolatileDisk.create(t)
    const { name } = hanging.loop
    const script = join(import.meta.dirname, '../../disks/format-main.ts')
    const plugin = spawn(process.execPath, [script, name], { stdio: ['pipe', 'pipe', 'inherit'] })
    t.teardown(() => plugin.kill('SIGKILL'))
    await once(plugin.stdout, 'data')
    hanging.hang()
    plugin.stdin.write('format\n')
    const mkfs = await until('mkfs.xfs', 30_000, () =>
      childrenOf(plugin.pid ?? 0).find(child => programOf(child) === 'mkfs.xfs'),
    )
    plugin.kill('SIGKILL')
    await once(plugin, 'exit')
    const disks = new LinuxDisks({})
    const busy = { held: false, busy: true, why: /locked/ }
    t.match(await disks.hold(await diskNamed(name)), busy)
    t.ok(isAlive(mkfs))
    hanging.resume()
    await waitForEnd(mkfs, 30_000)
    const hold = await held(t, await diskNamed(name))
    t.strictSame(await hold.signatures(), ['xfs'])
  })
}
