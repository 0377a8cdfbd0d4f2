import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { lstat, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { t as file } from 'tap'
import { WIPING } from '../../../volume-plugin/ssd/claim.ts'
import type { Claim, ClaimId } from '../../../volume-plugin/ssd/claim.ts'
import type { VolumeClaim } from '../../../volume-plugin/ssd/claims.ts'
import type { LoopDisk } from '../../disks/loop-disk.ts'
import { canUseDisks } from '../../disks/requirements.ts'
import { changed, copyDisk, Host, withVolume } from './host.ts'
import { claimOf } from './journal.ts'

file.setTimeout(300_000)
file.jobs = 3

const PARKED = { is: 'parked', since: '2026-01-02T03:04:05Z', keepMs: 1e9, keptMs: 0 } as const
const QUARANTINED = { is: 'quarantined', reason: 'another file system was on it' } as const

/** What the journal has while a disk with the volume `db` of `own` is to be adopted, and what is said of it. */
const TAKEN: readonly [string, (own: VolumeClaim) => Claim, RegExp][] = [
  ['a volume', own => claimOf('other', own), /belongs to other \(ready\)/],
  [
    'a volume that was removed',
    own => ({ ...claimOf('other', own), state: PARKED }),
    /belongs to other \(parked\)/,
  ],
  [
    'an operator who wipes it',
    own => ({ ...claimOf('other', own), volume: undefined, state: WIPING }),
    /belongs to a wipe \(wiping\)/,
  ],
  ['itself, being wiped', own => ({ ...own, state: WIPING }), /has that claim, wiping/],
  [
    'its own claim under another name',
    own => ({ ...claimOf('other'), id: own.id }),
    /has that claim, ready/,
  ],
  ['another volume of its name', () => claimOf('db'), /has another one of that name/],
]

/** What a disk that comes from somebody else may carry in the place of what it should. */
const HOSTILE: readonly [string, (at: string, good: string) => Promise<void> | void][] = [
  ['a time in words', spoilVolume({ created: 'yesterday' })],
  ['a time that is on no calendar', spoilVolume({ created: '2026-02-30T00:00:00Z' })],
  ['a name that leads elsewhere', spoilVolume({ name: '../db' })],
  [
    'the id of another file system',
    spoilVolume({ fsUuid: '00000000-0000-4000-8000-000000000000' }),
  ],
  ['an id that leads elsewhere', spoil({ id: '../../../../../etc/passwd' })],
  ['mount options that are not allowed', spoilOptions({ mount: ['suid'] })],
  ['arguments of mkfs that are not allowed', spoilOptions({ mkfs: ['-l', 'logdev=/dev/sda'] })],
  ['no text', async at => await writeFile(claimFile(at), randomBytes(4096))],
  ['a member too many', spoil({ more: 1 })],
  ['a file without an end', async at => await truncate(claimFile(at), 300 * 1024 * 1024)],
  ['a pipe', async at => await replaceClaimFile(at, path => execFileSync('mkfifo', [path]))],
  [
    'a link to a file',
    async at => await replaceClaimFile(at, path => symlink('/etc/hostname', path)),
  ],
  [
    'a link to the host in the place of the data',
    async at => {
      await rename(join(at, 'data'), join(at, 'data.good'))
      await symlink('/', join(at, 'data'))
    },
  ],
]

if (canUseDisks()) {
  void file.test('a disk is adopted only where nobody else has a claim to it', async t => {
    const host = await Host.create(t, 1)
    const own = await withVolume(host)
    for (const [whose, claimFrom, says] of TAKEN) {
      await host.journal.lose()
      const claim = claimFrom(own)
      await host.journal.write(claim)
      const running = await host.start()
      await t.rejects(running.adopt(host.disk), { code: 'volume-exists', message: says }, whose)
      t.strictSame(running.ssd.claims.all(), [claim], 'as it was')
      await running.end()
    }
  })

  void file.test('a disk that may not be taken is not adopted', async t => {
    const host = await Host.create(t, 1)
    await withVolume(host)
    await host.journal.lose()
    const running = await host.start({ deny: [host.disk.node] })
    const refusal = { code: 'disk-busy', message: /cannot be adopted: .*SSD_DENY/ }
    await t.rejects(running.adopt(host.disk), refusal)
    t.strictSame(running.states, [])
  })

  void file.test('a copy is not adopted while the disk of the volume is there', async t => {
    const host = await Host.create(t, 2)
    await withVolume(host)
    const [first, copy] = host.disks
    if (!first || !copy) throw new Error('The host has two disks')
    await copyDisk(first, copy)
    for (const count of [1, 2]) {
      const running = await host.start({
        disks: real =>
          changed(real, {
            list: async () =>
              (await real.list()).flatMap(each =>
                each.name === first.name && count === 2 ? [each, { ...each, name: 'loop0' }] : each,
              ),
          }),
      })
      const refusal = { code: 'volume-exists', message: /it is a copy/ }
      await t.rejects(running.adopt(copy), refusal, `${count} of it`)
      t.strictSame(running.states, ['db ready'])
      await running.end()
    }
  })

  void file.test('what was set aside of a disk goes when the disk is adopted', async t => {
    const host = await Host.create(t, 1)
    const own = await withVolume(host)
    await host.journal.lose()
    await host.journal.write({ ...claimOf('other', own), state: QUARANTINED })
    const running = await host.start()
    await running.adopt(host.disk)
    t.strictSame(running.states, ['db ready'])
    await running.end()
    const later = await host.start()
    t.strictSame(later.states, ['db ready'])
    t.equal(await later.kept('db'), 'precious')
  })

  void file.test('a disk with a volume is not wiped for what was set aside of it', async t => {
    const host = await Host.create(t, 1)
    const own = await withVolume(host)
    for (const id of ['0'.repeat(32), 'f'.repeat(32)]) {
      await host.journal.write({ ...claimOf('other', own), id: id as ClaimId, state: QUARANTINED })
      const running = await host.start()
      const refusal = { code: 'disk-busy', message: /belongs to the volume db \(ready\)/ }
      await t.rejects(running.wipeDisk(host.disk), refusal)
      await running.ssd.tend()
      t.equal(await running.kept('db'), 'precious')
      await running.end()
    }
  })

  void file.test('nothing that a disk says of itself is believed beyond its form', async t => {
    const host = await Host.create(t, 1)
    await withVolume(host)
    await host.journal.lose()
    const good = await readGood(host, host.disk)
    const running = await host.start()
    for (const [what, spoilAt] of HOSTILE) {
      await host.byHand(host.disk, async at => {
        await mend(at, good)
        await spoilAt(at, good)
      })
      await t.rejects(running.adopt(host.disk), { code: 'unknown-volume' }, what)
      t.strictSame(running.states, [])
    }
    await host.byHand(host.disk, async at => await mend(at, good))
    await running.adopt(host.disk)
    t.equal(await running.kept('db'), 'precious')
  })
}

const claimFile = (at: string): string => join(at, '.claim.json')

async function readGood(host: Host, disk: LoopDisk): Promise<string> {
  let good = ''
  await host.byHand(disk, async at => {
    good = await readFile(claimFile(at), 'utf8')
  })
  return good
}

/** As the volume was left. */
async function mend(at: string, good: string): Promise<void> {
  await replaceClaimFile(at, async path => await writeFile(path, good))
  const data = join(at, 'data')
  if (!(await lstat(data)).isSymbolicLink()) return
  await rm(data)
  await rename(join(at, 'data.good'), data)
}

async function replaceClaimFile(
  at: string,
  make: (path: string) => Promise<void> | Buffer,
): Promise<void> {
  await rm(claimFile(at))
  await make(claimFile(at))
}

type Written = { readonly volume: { readonly options: object } }

function spoil(change: object | ((good: Written) => object)) {
  return async (at: string, text: string): Promise<void> => {
    const good = JSON.parse(text) as Written
    const changes = typeof change === 'function' ? change(good) : change
    await writeFile(claimFile(at), JSON.stringify({ ...good, ...changes }))
  }
}

function spoilVolume(change: object) {
  return spoil(({ volume }: Written) => ({ volume: { ...volume, ...change } }))
}

function spoilOptions(change: object) {
  return spoil(({ volume }: Written) => ({
    volume: { ...volume, options: { ...volume.options, ...change } },
  }))
}
