import { mkdir, open, rmdir } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { t as file } from 'tap'
import { OutcomeUnknown } from '../../../shared/store.ts'
import type { ClaimId, ClaimState } from '../../../volume-plugin/ssd/claim.ts'
import type { ClaimBook } from '../../../volume-plugin/ssd/claim-book.ts'
import { MARK_AT } from '../../../volume-plugin/ssd/mark.ts'
import type { Mounts } from '../../../volume-plugin/ssd/mounts.ts'
import { canUseDisks } from '../../disks/requirements.ts'
import { changed, changedHolds, Host, withVolume } from './host.ts'
import { claimOf } from './journal.ts'

file.setTimeout(300_000)
file.jobs = 3

const UNKNOWN = { name: 'OutcomeUnknown' }

if (canUseDisks()) {
  void file.test('a removal that failed has not come to be after the next start', async t => {
    const host = await Host.create(t, 1)
    await withVolume(host)
    const running = await host.start({ book: failOnce('parked') })
    await t.rejects(running.remove('db'), UNKNOWN)
    t.ok(await running.get('db'), 'as the caller was told')
    await running.ssd.tend()
    t.equal(await running.kept('db'), 'precious')
    await running.end()
    const later = await host.start()
    t.strictSame(later.states, ['db ready'])
    t.equal(await later.kept('db'), 'precious')
  })

  void file.test('of a volume that could not be begun nothing is left', async t => {
    const host = await Host.create(t, 1)
    const running = await host.start({ book: failOnce('intent') })
    await t.rejects(running.create('db'), UNKNOWN)
    t.strictSame(running.states, [], 'as the caller was told')
    await running.ssd.tend()
    await running.end()
    const later = await host.start()
    t.strictSame(later.states, [])
  })

  void file.test('a volume that is begun again at once is there once', async t => {
    const host = await Host.create(t, 1)
    const running = await host.start({ book: failOnce('intent') })
    await t.rejects(running.create('db'), UNKNOWN)
    await running.create('db')
    await running.end()
    const later = await host.start()
    t.strictSame(later.states, ['db ready'])
  })

  void file.test('an intent of the same name on a disk that is away hides no volume', async t => {
    for (const id of ['0'.repeat(32), 'f'.repeat(32)]) {
      const host = await Host.create(t, 0)
      const intent = { ...claimOf('db'), id: id as ClaimId, state: { is: 'intent' } } as const
      await host.journal.write(claimOf('db'), intent)
      const running = await host.start()
      t.ok(await running.get('db'))
      await running.ssd.tend()
      t.ok(await running.get('db'))
      t.strictSame(running.states, ['db intent', 'db ready'])
    }
  })

  void file.test('claims are tended to while one is written, which stays', async t => {
    const host = await Host.create(t, 1)
    await withVolume(host)
    await host.journal.lose()
    const [written, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const running = await host.start({
      book: real =>
        changed(real, {
          put: async claim => {
            await real.put(claim)
            written.resolve()
            await goOn.promise
          },
        }),
    })
    const adopted = running.adopt(host.disk)
    await written.promise
    await running.ssd.tend()
    goOn.resolve()
    await adopted
    await running.end()
    const later = await host.start()
    t.strictSame(later.states, ['db ready'])
  })

  void file.test('a list of volumes that cannot be written costs no disk', async t => {
    const host = await Host.create(t, 1)
    const running = await host.start()
    for (const list of host.journal.lists) {
      await mkdir(`${list}.new`)
      await t.rejects(running.create('db'), { message: /Cannot write the list of volumes/ })
      t.strictSame(running.states, ['db formatted'])
      await rmdir(`${list}.new`)
    }
    await running.create('db')
    await running.end()
    const later = await host.start()
    t.strictSame(later.states, ['db ready'])
  })

  void file.test('a volume that cannot be unmounted when it is made is not answered', async t => {
    const host = await Host.create(t, 1)
    const inside = Promise.withResolvers<FileHandle>()
    const running = await host.start({ mounts: real => entered(real, inside.resolve) })
    await t.rejects(running.create('db'), { code: 'EBUSY' })
    t.strictSame(running.states, ['db formatted'])
    await (await inside.promise).close()
    await running.create('db')
    t.strictSame(running.states, ['db ready'])
    t.equal((await running.get('db'))?.mountpoint, undefined)
    t.strictSame(await mountedBelow(running.ssd.mounts, host.folder), [])
  })

  void file.test('a disk that does not keep its mark becomes no volume', async t => {
    const host = await Host.create(t, 1)
    const running = await host.start({
      disks: real =>
        changedHolds(real, hold => ({
          write: async (offset, data) => {
            if (offset !== MARK_AT) await hold.write(offset, data)
          },
        })),
    })
    await t.rejects(running.create('db'), { code: 'disk-failed', message: /mark of db is not on/ })
    t.strictSame(running.states, ['db quarantined'])
  })
}

/** A journal that writes the first claim of that state, and does not know it. */
function failOnce(is: ClaimState['is']): (real: ClaimBook) => ClaimBook {
  let isDone = false
  return real =>
    changed(real, {
      put: async claim => {
        await real.put(claim)
        if (isDone || claim.state.is !== is) return
        isDone = true
        throw new OutcomeUnknown('It may have been written')
      },
    })
}

/** Somebody has a file open in what is mounted first. */
function entered(real: Mounts, enter: (inside: FileHandle) => void): Mounts {
  let isEntered = false
  return changed(real, {
    mount: async (disk, at, options) => {
      await real.mount(disk, at, options)
      if (!isEntered) enter(await open(at))
      isEntered = true
    },
  })
}

async function mountedBelow(mounts: Mounts, folder: string): Promise<readonly string[]> {
  return (await mounts.list()).map(({ at }) => at).filter(at => at.startsWith(`${folder}/`))
}
