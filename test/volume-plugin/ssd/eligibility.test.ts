import t from 'tap'
import type { Claim, ClaimId, ClaimState } from '../../../volume-plugin/ssd/claim.ts'
import { keyOf } from '../../../volume-plugin/ssd/disk.ts'
import type { Disk } from '../../../volume-plugin/ssd/disk.ts'
import {
  foundBusy,
  foundContent,
  foundSignatures,
  reasonsAgainst,
  unreadable,
} from '../../../volume-plugin/ssd/eligibility.ts'
import type { World } from '../../../volume-plugin/ssd/eligibility.ts'
import { readSsdOptions } from '../../../volume-plugin/ssd/options.ts'
import { volumeName } from '../../../volume-plugin/volume-name.ts'
import { someDisk } from './some-disk.ts'

const POLICY = { devices: ['/dev/*'], deny: ['/dev/sdz'], allowLoop: false }

/** What stands against `disk`, which is the only one but for `others`. */
function against(disk: Disk, change: Partial<World> = {}, others: readonly Disk[] = []) {
  const all = [disk, ...others]
  return reasonsAgainst(disk, { policy: POLICY, all, claims: [], labels: () => ({}), ...change })
}

const codesAgainst = (...given: Parameters<typeof against>) =>
  against(...given).map(({ code }) => code)

await t.test('a disk that nothing stands against may be looked at', t => {
  t.strictSame(against(someDisk('sdb')), [])
  t.strictSame(against(someDisk('nvme0n1', { state: 'live', transport: 'nvme' })), [])
  t.strictSame(against(someDisk('vdb', { state: '' })), [], 'a driver without a word for it')
  t.strictSame(against(someDisk('sdb', { identity: { size: 300 * 2 ** 20 } })), [])
  t.strictSame(against(someDisk('sdb'), {}, [someDisk('sdc')]), [])
  const loop = someDisk('loop40', { transport: 'loop' })
  t.strictSame(against(loop, { policy: { ...POLICY, allowLoop: true } }), [])
  t.end()
})

await t.test('each reason has a disk that has only that one', t => {
  for (const [disk, code, text] of [
    [someDisk('sdz'), 'denied', /^it is in SSD_DENY$/],
    [someDisk('loop40'), 'loop', /SSD_ALLOW_LOOP=1/],
    [someDisk('sdb', { isRemovable: true }), 'removable', /removable/],
    [someDisk('sdb', { isReadOnly: true }), 'read-only', /read-only/],
    [
      someDisk('sdb', { identity: { size: 300 * 2 ** 20 - 512 } }),
      'too-small',
      /^it has 300.0 MiB \(314.6 MB\), and XFS needs 300.0 MiB \(314.6 MB\)$/,
    ],
    [someDisk('sdb', { identity: { size: 0 } }), 'too-small', /^it has 0 bytes/],
    [someDisk('sdb', { identity: { size: Number.NaN } }), 'too-small', /XFS needs/],
    [someDisk('nvme0c0n1', { isHidden: true }), 'hidden', /one of several paths/],
    [someDisk('sdb', { isRotational: true }), 'rotational', /berth disk label sdb rotational=0$/],
    [someDisk('sdb', { isZoned: true }), 'zoned', /zoned/],
    [someDisk('sdb', { holders: ['dm-0', 'md127'] }), 'holders', /^built upon it: dm-0, md127$/],
    [
      someDisk('sdb', { partitions: ['sdb1', 'sdb2'] }),
      'partitions',
      /partitions: sdb1, sdb2; .* berth disk wipe sdb$/,
    ],
    [someDisk('sdb', { state: 'offline' }), 'state', /it is offline$/],
    [someDisk('sdb', { mountPoints: ['/', '/boot'] }), 'mounted', /mounted on \/, \/boot$/],
    [someDisk('sdb', { isSwap: true }), 'swap', /swapped to/],
    [
      someDisk('vdb', { identity: { serial: '' } }),
      'no-identity',
      /neither a world wide name nor a serial number/,
    ],
  ] as const) {
    const [reason, ...more] = against(disk)
    t.match([reason, more], [{ code, text }, []], code)
  }
  t.end()
})

await t.test('no disk is allowed but by SSD_DEVICES', t => {
  const reason = { code: 'not-allowed', text: 'it is not in SSD_DEVICES' } as const
  const devices = ['/dev/sdc', 'naa.5000c500a1b2c3d4']
  t.strictSame(against(someDisk('sdb'), { policy: { ...POLICY, devices: [] } }), [reason])
  t.strictSame(against(someDisk('sdb'), { policy: { ...POLICY, devices } }), [reason])
  t.strictSame(against(someDisk('sdc'), { policy: { ...POLICY, devices } }), [])
  t.end()
})

await t.test('some kinds are never used, whatever is allowed', t => {
  const policy = { devices: ['/dev/*'], deny: [], allowLoop: true }
  for (const name of ['ram0', 'zram0', 'dm-3', 'md127', 'md_d0', 'nbd0', 'rbd0', 'sr0', 'fd0']) {
    t.strictSame(codesAgainst(someDisk(name), { policy }), ['kind'], name)
  }
  for (const name of ['drbd0', 'zd16', 'mtdblock0', 'bcache0']) {
    t.strictSame(codesAgainst(someDisk(name), { policy }), ['kind'], name)
  }
  for (const name of ['sda', 'sdfd', 'vda', 'xvda', 'hda', 'nvme0n1', 'pmem0', 'mmcblk0']) {
    t.strictSame(against(someDisk(name), { policy }), [], name)
  }
  t.end()
})

await t.test('an operator knows better whether a disk turns', t => {
  const disk = someDisk('vdb', { isRotational: true })
  const labels = (rotational: string) => ({ labels: () => ({ rotational }) })
  t.strictSame(against(disk, labels('0')), [])
  t.strictSame(codesAgainst(disk, labels('1')), ['rotational'])
  t.strictSame(against(someDisk('vdb'), labels('1')), [
    { code: 'rotational', text: 'it is labelled rotational=1' },
  ])
  const nameless = someDisk('vdb', { isRotational: true, identity: { serial: '' } })
  t.strictSame(
    codesAgainst(nameless, labels('0')),
    ['rotational', 'no-identity'],
    'of a disk that could be another, no label is believed',
  )
  t.end()
})

await t.test('two that may be one disk are both left alone', t => {
  const wwid = 'naa.5000c500a1b2c3d4'
  const one = someDisk('sdb', { identity: { wwid } })
  const two = someDisk('sdc', { identity: { wwid } })
  t.match(against(one, {}, [two, someDisk('sdd')]), [
    { code: 'twice', text: /^it seems to be the same disk as sdc:/ },
  ])
  t.match(against(two, {}, [one]), [{ code: 'twice', text: /as sdb:/ }])

  const serial = { serial: 'S1' }
  const third = someDisk('sdd', { identity: serial })
  t.strictSame(codesAgainst(third, {}, [someDisk('sde', { identity: serial })]), ['twice'])
  const otherModel = someDisk('sde', { identity: { ...serial, model: 'SSD 10' } })
  t.strictSame(against(third, {}, [otherModel]), [], 'serial numbers are of one model each')

  const path = someDisk('nvme0c0n1', { identity: { wwid }, isHidden: true })
  t.strictSame(against(one, {}, [path]), [], 'its own paths, which the kernel has joined')
  t.strictSame(codesAgainst(path, {}, [one]), ['hidden'])

  const none = { identity: { serial: '' } }
  t.strictSame(codesAgainst(someDisk('vdb', none), {}, [someDisk('vdc', none)]), ['no-identity'])
  t.end()
})

await t.test('a claimed disk is not free, in whatever state and under whatever name', t => {
  const before = someDisk('sdb')
  const now = { ...someDisk('sdq'), identity: before.identity }
  for (const [state, text] of [
    [{ is: 'intent' }, 'the volume db is being made on it'],
    [{ is: 'marked' }, 'the volume db is being made on it'],
    [{ is: 'formatting' }, 'the volume db is being made on it'],
    [{ is: 'formatted' }, 'the volume db is being made on it'],
    [{ is: 'ready' }, 'it is the volume db'],
    [
      { is: 'parked', since: '2026-11-20T00:00:00Z', keepMs: 1, keptMs: 0 },
      'it keeps the data of the volume db, removed at 2026-11-20T00:00:00Z: berth volume wipe db destroys it',
    ],
    [
      { is: 'wiping', part: 'body', offset: 0, head: undefined },
      'it is being wiped of the volume db',
    ],
    [
      { is: 'quarantined', reason: 'its mark is gone' },
      'it was taken for the volume db, and then set aside: its mark is gone',
    ],
  ] as const) {
    t.strictSame(
      against(now, { claims: [claimOf(someDisk('sdc'), state), claimOf(before, state)] }),
      [{ code: 'claimed', text }],
      state.is,
    )
    t.strictSame(against(now, { claims: [claimOf(someDisk('sdc'), state)] }), [], 'of another disk')
  }
  const wiping = claimOf(before, { is: 'wiping', part: 'body', offset: 0, head: '00' })
  t.match(against(now, { claims: [{ ...wiping, volume: undefined }] }), [
    { code: 'claimed', text: 'it is being wiped' },
  ])
  t.end()
})

await t.test('all reasons are told, in the order in which they are looked for', t => {
  const disk = someDisk('loop40', {
    isReadOnly: true,
    mountPoints: ['/mnt'],
    identity: { size: 0, serial: '' },
  })
  const policy = { devices: [], deny: ['/dev/loop40'], allowLoop: false }
  t.strictSame(
    against(disk, { policy }).map(({ code }) => code),
    ['not-allowed', 'denied', 'loop', 'read-only', 'too-small', 'mounted', 'no-identity'],
  )
  t.end()
})

await t.test('what is found on opening it is told too', t => {
  t.match(foundBusy('it is mounted somewhere'), {
    code: 'busy',
    text: 'it is in use: it is mounted somewhere',
  })
  t.match(foundSignatures(['gpt', 'xfs']), { code: 'signatures', text: /not blank: gpt, xfs; / })
  t.match(foundContent(4096), { code: 'content', text: /data at byte 4096; / })
  t.match(unreadable(new Error('EIO')), { code: 'unreadable', text: /: EIO$/ })
  t.match(unreadable('odd'), { code: 'unreadable', text: /: odd$/ })
  t.end()
})

function claimOf({ identity }: Disk, state: ClaimState): Claim {
  const key = keyOf(identity)
  const name = volumeName('db')
  if (key === undefined || name === undefined) throw new Error('A claim has both')
  const volume = {
    name,
    options: readSsdOptions({}),
    created: '2026-11-19T00:00:00Z',
    fsUuid: '3f1d1c57-4a9e-4a52-8f3c-9d6a3f0a5b11',
    host: 'h1',
    boot: 'b1',
  }
  return { id: '00'.repeat(16) as ClaimId, key, identity, volume, state }
}
