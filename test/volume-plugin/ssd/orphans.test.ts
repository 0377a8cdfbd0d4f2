import { setTimeout as sleep } from 'node:timers/promises'
import { t as file } from 'tap'
import { canUseDisks } from '../../disks/requirements.ts'
import { changedHolds, Host, withVolume } from './host.ts'

file.setTimeout(300_000)
file.jobs = 2

if (canUseDisks()) {
  void file.test('a lost volume stays known while its disk cannot be looked at', async t => {
    const host = await Host.create(t, 1)
    await withVolume(host)
    await host.journal.lose()
    const running = await host.start()
    const isKnown = async (when: string) => {
      await t.rejects(running.get('db'), { name: 'DropConnection' }, when)
    }
    await isKnown('when it was found')
    await host.byHand(host.disk, async () => {
      t.match(await running.disk(host.disk.name), { state: 'orphan' })
      await isKnown('while somebody has it mounted')
    })
    await host.disk.detach()
    t.equal(await running.disk(host.disk.name), undefined)
    await isKnown('when it was pulled out')
    await t.rejects(running.create('db'), { code: 'volume-exists' })

    await host.disk.attach()
    await running.adopt(host.disk)
    t.equal(await running.kept('db'), 'precious')
    await running.ask('GET /v1/disks')
    t.ok(await running.get('db'))
  })

  void file.test('a free disk is taken also while disks are shown', async t => {
    const host = await Host.create(t, 1)
    const [looking, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const running = await host.start({
      disks: real =>
        changedHolds(real, hold => ({
          content: async from => {
            looking.resolve()
            await goOn.promise
            return await hold.content(from)
          },
        })),
    })
    const shown = running.disk(host.disk.name)
    await looking.promise
    const created = running.create('db')
    // Long enough for one that does not wait to find the disk held.
    await Promise.race([created.catch(() => {}), sleep(1000)])
    goOn.resolve()
    await t.resolves(created)
    t.match(await shown, { state: 'free' })
    t.match(await running.disk(host.disk.name), { state: 'claimed' })
  })
}
