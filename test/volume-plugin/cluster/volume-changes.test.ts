import t from 'tap'
import { readClusterOptions } from '../../../volume-plugin/cluster/cluster-options.ts'
import {
  beginDestroying,
  beginMaking,
  beginRemoving,
  beginRestoring,
  finishMaking,
  finishRemoving,
  finishRestoring,
  giveUpMaking,
  giveUpRemoving,
  giveUpRestoring,
  join,
  leave,
} from '../../../volume-plugin/cluster/volume-changes.ts'
import type {
  ParkedRecord,
  RemovalId,
  User,
  VolumeId,
  VolumeRecord,
} from '../../../volume-plugin/cluster/volume-record.ts'
import { requireVolumeName } from '../../../volume-plugin/volume-name.ts'

const NAME = requireVolumeName('db')
const EXCLUSIVE = readClusterOptions({ access: 'exclusive' })

const record: VolumeRecord = {
  id: 'a'.repeat(32) as VolumeId,
  name: NAME,
  options: readClusterOptions({}),
  created: '2026-11-21T10:00:00.000Z',
  createdBy: 'alpha',
  state: 'ready',
  removal: undefined,
  restored: 0,
  users: {},
  broken: undefined,
}
const [MINE, OTHER] = ['c'.repeat(32) as RemovalId, 'e'.repeat(32) as RemovalId]
const removing = { ...record, state: 'removing', removal: MINE } as const
const making = { ...record, state: 'making' } as const
const user = (name: string, op = `op of ${name}`): User => ({
  name,
  op,
  generation: 0,
  boot: 'boot',
  since: '2026-11-21T11:00:00.000Z',
})
const onAlpha = { ...record, users: { alpha: user('alpha') } }
const parked: ParkedRecord = {
  volume: record,
  removal: MINE,
  state: 'parked',
  since: '2026-11-21T12:00:00.000Z',
  by: 'alpha',
  keepMs: 1000,
}

void t.test('whoever creates a volume first decides what it is', t => {
  t.strictSame(beginMaking(undefined, making), { do: 'put', record: making })
  t.strictSame(beginMaking(record, making), { do: 'nothing' }, 'the same again is fine')
  t.strictSame(beginMaking(making, making), { do: 'nothing' }, 'what was begun is gone on with')
  const other = { ...making, options: EXCLUSIVE }
  t.throws(() => beginMaking(record, other), { code: 'volume-exists', message: 'alpha' })
  t.strictSame(beginMaking(making, other), { do: 'put', record: other }, 'nobody was told of it')
  for (const state of ['removing', 'restoring'] as const) {
    t.throws(() => beginMaking({ ...record, state }, making), { code: 'not-ready' }, state)
  }
  t.end()
})

void t.test('a volume is ready once its folder is there, whoever made that', t => {
  t.strictSame(finishMaking(making, making), { do: 'put', record })
  t.strictSame(finishMaking(record, making), { do: 'nothing' })
  t.throws(() => finishMaking(undefined, making), { code: 'unknown-volume' }, 'removed meanwhile')
  const another = { ...making, id: 'b'.repeat(32) as VolumeId }
  t.throws(() => finishMaking(another, making), { code: 'not-ready' }, 'whose folder is another')
  t.throws(() => finishMaking({ ...another, options: EXCLUSIVE }, making), {
    code: 'volume-exists',
  })
  t.end()
})

void t.test('only one that is still being made is given up', t => {
  t.strictSame(giveUpMaking(making, making), { do: 'delete' })
  t.strictSame(giveUpMaking(record, making), { do: 'nothing' })
  const other = { ...making, id: 'b'.repeat(32) as VolumeId }
  t.strictSame(giveUpMaking(other, making), { do: 'nothing' }, 'nor that of somebody else')
  t.end()
})

void t.test('a shared volume is mounted by many hosts, an exclusive one by one', t => {
  const both = { alpha: user('alpha'), beta: user('beta') }
  t.match(join(onAlpha, NAME, 'beta', user('beta')), { do: 'put', record: { users: both } })
  const exclusive = { ...onAlpha, options: EXCLUSIVE }
  t.throws(() => join(exclusive, NAME, 'beta', user('beta')), {
    code: 'held-elsewhere',
    message: 'host alpha has it since 2026-11-21T11:00:00.000Z',
  })
  const again = join(exclusive, NAME, 'alpha', user('alpha', 'later'))
  t.match(again, { record: { users: { alpha: { op: 'later' } } } }, 'the same host takes it anew')
  t.end()
})

void t.test('what is not ready is not mounted', t => {
  t.throws(() => join(undefined, NAME, 'a', user('a')), { code: 'unknown-volume' })
  t.throws(() => join(making, NAME, 'a', user('a')), { code: 'unknown-volume' })
  for (const state of ['removing', 'restoring'] as const) {
    t.throws(() => join({ ...record, state }, NAME, 'a', user('a')), { code: 'not-ready' }, state)
  }
  t.end()
})

void t.test('a host leaves only what it took itself', t => {
  t.match(leave(onAlpha, 'alpha', 'op of alpha'), { do: 'put', record: { users: {} } })
  t.strictSame(leave(onAlpha, 'alpha', 'an earlier one'), { do: 'nothing' })
  t.strictSame(leave(onAlpha, 'beta', 'op of alpha'), { do: 'nothing' })
  t.strictSame(leave(undefined, 'alpha', 'op of alpha'), { do: 'nothing' })
  t.end()
})

void t.test('a volume that a host has mounted is not removed', t => {
  t.throws(() => beginRemoving(onAlpha, MINE), { code: 'volume-in-use', message: 'alpha since' })
  t.strictSame(beginRemoving(record, MINE), { do: 'put', record: removing })
  t.strictSame(beginRemoving(making, MINE), { do: 'delete' }, 'nobody was told of it')
  t.strictSame(beginRemoving(undefined, MINE), { do: 'nothing' })
  t.end()
})

void t.test('of those who remove a volume at once the last has it', t => {
  const taken = { ...removing, removal: OTHER }
  t.strictSame(beginRemoving(removing, OTHER), { do: 'put', record: taken })
  t.strictSame(finishRemoving(removing, parked), {
    do: 'park',
    parked: { ...parked, volume: removing },
  })
  t.throws(() => finishRemoving(taken, parked), { code: 'not-ready' })
  t.strictSame(finishRemoving(undefined, parked), { do: 'nothing' }, 'the other one was faster')
  t.strictSame(giveUpRemoving(removing, MINE), { do: 'put', record })
  t.strictSame(giveUpRemoving(taken, MINE), { do: 'nothing' })
  const named = { ...removing, options: readClusterOptions({ path: 'projects/web' }) }
  t.strictSame(finishRemoving(named, parked), { do: 'delete' }, 'whose folder stays where it is')
  t.end()
})

void t.test('a removed volume is brought back or destroyed, never both', t => {
  const restoring = { ...record, state: 'restoring' } as const
  const begun = { ...restoring, restored: 1 }
  t.strictSame(beginRestoring(parked, NAME), { do: 'restore', record: begun }, 'at another place')
  t.strictSame(finishRestoring(restoring, restoring), { do: 'put', record })
  t.strictSame(giveUpRestoring(restoring, parked), { do: 'park', parked }, 'it has no folder')
  t.strictSame(giveUpRestoring(record, parked), { do: 'nothing' })
  const destroying = { ...parked, state: 'destroying' } as const
  t.strictSame(beginDestroying(parked, parked), { do: 'put', parked: destroying })
  t.strictSame(beginDestroying(destroying, parked), { do: 'nothing' })
  const again = { ...parked, removal: 'd'.repeat(32) as RemovalId }
  t.throws(() => beginDestroying(again, parked), { code: 'volume-exists' }, 'removed once more')
  t.throws(() => beginRestoring(destroying, NAME), { message: 'being destroyed' })
  t.throws(() => beginRestoring(undefined, NAME), { code: 'volume-exists' })
  t.throws(() => beginDestroying(undefined, parked), { code: 'volume-exists' })
  t.end()
})
