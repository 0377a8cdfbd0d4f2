import { t as file } from 'tap'
import { HEAD_BYTES } from '../../../volume-plugin/ssd/claim.ts'
import type { Wiping } from '../../../volume-plugin/ssd/claim.ts'
import type { VolumeClaim } from '../../../volume-plugin/ssd/claims.ts'
import { Keeping } from '../../../volume-plugin/ssd/keeping.ts'
import { markOf } from '../../../volume-plugin/ssd/looking.ts'
import { encodeMark, MARK_AT } from '../../../volume-plugin/ssd/mark.ts'
import { readSsdOptions } from '../../../volume-plugin/ssd/options.ts'
import { diskNamed } from '../../disks/hold.ts'
import type { LoopDisk } from '../../disks/loop-disk.ts'
import { canUseDisks } from '../../disks/requirements.ts'
import { run } from '../../engine/lab/run.ts'
import { until } from '../../engine/lab/until.ts'
import { changedHolds, Host } from './host.ts'
import { claimOf } from './journal.ts'

file.setTimeout(300_000)
file.jobs = 3

const MINUTE = 60_000
const BODY: Wiping = { is: 'wiping', part: 'body', offset: 0, head: undefined }
const HEAD: Wiping = { is: 'wiping', part: 'head', offset: HEAD_BYTES, head: undefined }

/** Somebody's file system, all of it in the first MiB: behind it the disk is blank. */
const makeSmall = async ({ node }: LoopDisk): Promise<void> => {
  await run('mkfs.ext4', ['-q', '-F', '-b', '1024', node, '1024'])
}
const makeXfs = async ({ node }: LoopDisk): Promise<void> => {
  await run('mkfs.xfs', ['-q', '-f', '-K', node])
}

const FOREIGN: readonly {
  readonly is: string
  readonly state: Wiping
  readonly isMarked: boolean
  readonly make: (disk: LoopDisk) => Promise<void>
}[] = [
  { is: 'behind which all is blank', state: HEAD, isMarked: false, make: makeSmall },
  { is: 'before a mark that was left', state: HEAD, isMarked: true, make: makeSmall },
  { is: 'with the mark within it, at last', state: HEAD, isMarked: true, make: makeXfs },
  { is: 'with the mark within it', state: BODY, isMarked: true, make: makeXfs },
]

if (canUseDisks()) {
  void file.test('a wipe never takes a file system that somebody made meanwhile', async t => {
    for (const { is, state, isMarked, make } of FOREIGN) {
      const host = await Host.create(t, 1)
      const claim = await claimed(host)
      if (isMarked) await mark(host.disk, claim)
      await host.journal.write({ ...claim, state })
      await make(host.disk)
      const before = await host.disk.checksum()
      const running = await host.start()
      await running.ssd.tend()
      t.strictSame(running.states, ['db quarantined'], `one ${is}`)
      await running.end()
      t.equal(await host.disk.checksum(), before, 'nothing of it is written')
    }
  })

  void file.test('a wipe by an operator that failed before its last write goes on', async t => {
    const host = await Host.create(t, 1)
    const blank = await host.disk.checksum()
    await makeSmall(host.disk)
    let writes = 0
    const running = await host.start({
      disks: real =>
        changedHolds(real, hold => ({
          write: async (offset, data) => {
            writes += 1
            if (writes === 2) throw new Error('The bus was reset')
            await hold.write(offset, data)
          },
        })),
    })
    await running.wipeDisk(host.disk)
    await until('a write that failed', 60_000, () => writes === 2)
    await running.ssd.keeping.idle()
    t.strictSame(running.states, [' wiping'])
    await running.ssd.tend()
    t.strictSame(running.states, [])
    t.equal(await host.disk.checksum(), blank)
  })

  void file.test('the name of a volume is free while its old disk is wiped', async t => {
    const host = await Host.create(t, 2)
    const claim = await claimed(host)
    await mark(host.disk, claim)
    await host.journal.write({ ...claim, state: BODY })
    const [wiping, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const running = await host.start({
      disks: real =>
        changedHolds(real, hold => ({
          discard: async from => {
            wiping.resolve()
            await goOn.promise
            return await hold.discard(from)
          },
        })),
    })
    const tended = running.ssd.tend()
    await wiping.promise
    const created = running.create('db')
    try {
      await until('the volume', 20_000, async () => (await running.get('db')) !== undefined)
      t.strictSame(running.states, ['db ready', 'db wiping'])
    } finally {
      goOn.resolve()
      await Promise.all([created, tended])
    }
    t.strictSame(running.states, ['db ready'])
  })

  void file.test(
    'a volume that was brought back is kept anew when it is removed again',
    async t => {
      const host = await Host.create(t, 0)
      const { volume, ...claim } = claimOf('db')
      const options = readSsdOptions({ retain: '5m' })
      for (const isTended of [true, false]) {
        await host.journal.write({ ...claim, volume: { ...volume, options } })
        const running = await host.start()
        const { claims, mounting, resuming, locks } = running.ssd
        let now = 0
        const keeping = new Keeping(claims, mounting, resuming, locks, now)
        const pass = async (minutes: number) => {
          for (let minute = 0; minute < minutes; minute++) await keeping.tend((now += MINUTE))
        }
        await running.remove('db')
        await pass(4)
        await running.ask('POST /v1/volumes/:name/restore', { name: 'db' })
        if (isTended) await keeping.tend(now)
        await running.remove('db')
        await pass(4)
        t.strictSame(
          running.states,
          ['db parked'],
          isTended ? 'seen between' : 'never seen between',
        )
        await pass(1)
        t.strictSame(running.states, ['db wiping'])
        await running.end()
      }
    },
  )
}

/** A claim of the host's disk, of which nothing is written yet. */
async function claimed(host: Host): Promise<VolumeClaim> {
  return claimOf('db', await diskNamed(host.disk.name))
}

async function mark(disk: LoopDisk, { id, volume }: VolumeClaim): Promise<void> {
  await disk.write(MARK_AT, encodeMark(markOf(id, volume)))
}
