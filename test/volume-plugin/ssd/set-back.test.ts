import { t as file } from 'tap'
import { canUseDisks } from '../../disks/requirements.ts'
import { copyDisk, Host, withVolume } from './host.ts'

file.setTimeout(300_000)

const BEFORE = ['intent', 'marked', 'formatting', 'formatted'] as const

if (canUseDisks()) {
  await file.test('a journal that was set back formats no volume with data', async t => {
    const host = await Host.create(t, 1)
    const claim = await withVolume(host)
    for (const is of BEFORE) {
      await host.journal.write({ ...claim, state: { is } })
      const running = await host.start()
      t.ok(await running.get('db'), `to ${is}: the volume is there at once`)
      await running.ssd.tend()
      t.strictSame(running.states, ['db ready'])
      t.equal(await running.kept('db'), 'precious', `to ${is}: its data is there`)
      await running.end()
    }
  })

  await file.test('nor does one without the list of volumes that were answered', async t => {
    const host = await Host.create(t, 1)
    const claim = await withVolume(host)
    for (const is of BEFORE) {
      await host.journal.write({ ...claim, state: { is } })
      await host.journal.loseLists()
      const running = await host.start()
      await running.ssd.tend()
      const isKnown = is === 'formatting' || is === 'formatted'
      t.strictSame(running.states, [isKnown ? 'db ready' : 'db quarantined'], `set back to ${is}`)
      await running.end()

      await host.journal.write({ ...claim, state: { is: 'ready' } })
      const later = await host.start()
      t.equal(await later.kept('db'), 'precious', 'its data is there')
      await later.end()
    }
  })
  await file.test('nor is one made anew that cannot be mounted just now', async t => {
    const host = await Host.create(t, 2)
    const claim = await withVolume(host)
    const [first, copy] = host.disks
    if (!first || !copy) throw new Error('The host has two disks')
    await copyDisk(first, copy)
    await host.journal.write({ ...claim, state: { is: 'formatting' } })
    await host.journal.loseLists()
    // XFS mounts one of two with the same id.
    await host.byHand(copy, async () => {
      const running = await host.start()
      await running.ssd.tend()
      t.strictSame(running.states, ['db quarantined'])
      await running.end()
    })
    await host.journal.write({ ...claim, state: { is: 'ready' } })
    const later = await host.start()
    t.equal(await later.kept('db'), 'precious')
  })
}
