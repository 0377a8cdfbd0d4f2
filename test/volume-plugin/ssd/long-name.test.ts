import { t as file } from 'tap'
import { CommandFailed } from '../../../volume-plugin/command.ts'
import { markOf } from '../../../volume-plugin/ssd/looking.ts'
import { decodeMark, encodeMark, MARK_AT, MARK_BYTES } from '../../../volume-plugin/ssd/mark.ts'
import { diskNamed } from '../../disks/hold.ts'
import { canUseDisks } from '../../disks/requirements.ts'
import { changedHolds, Host } from './host.ts'
import { claimOf } from './journal.ts'

file.setTimeout(120_000)
file.jobs = 2

const MOST = 256

if (canUseDisks()) {
  void file.test("a host's name of any length is cut before it is written anywhere", async t => {
    const host = await Host.create(t, 1)
    // More than a mark has room for.
    const name = `rack1-07${'.example'.repeat(1000)}`
    const running = await host.start({
      name,
      disks: real =>
        changedHolds(real, () => ({
          format: async () => await Promise.reject(new CommandFailed('mkfs.xfs was ended')),
        })),
    })
    await t.rejects(running.create('db'), CommandFailed)
    t.strictSame(running.states, ['db formatting'])
    t.equal(running.claim.volume.host, name.slice(0, MOST))
    const mark = decodeMark(await host.disk.read(MARK_AT, MARK_BYTES))
    t.equal(mark?.host, name.slice(0, MOST))
    await running.end()
    const later = await host.start({ name })
    await later.ssd.tend()
    t.strictSame(later.states, ['db ready'])
  })

  void file.test('a mark with a longer name than is read now is still the own one', async t => {
    const host = await Host.create(t, 1)
    const { volume, ...claim } = claimOf('db', await diskNamed(host.disk.name))
    const long = { ...volume, host: 'x'.repeat(MOST + 1) }
    await host.disk.write(MARK_AT, encodeMark(markOf(claim.id, long)))
    await host.journal.write({ ...claim, volume: long, state: { is: 'marked' } })
    const running = await host.start()
    await running.ssd.tend()
    t.strictSame(running.states, ['db ready'])
  })
}
