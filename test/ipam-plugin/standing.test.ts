import t from 'tap'
import type { Notes } from '../../ipam-plugin/notes.ts'
import type { HostRecord, RecoveryRecord } from '../../ipam-plugin/records.ts'
import { hasItsPlace, standingOf } from '../../ipam-plugin/standing.ts'
import type { Observation, Standing } from '../../ipam-plugin/standing.ts'
import { LOCAL_HISTORY } from '../../shared/store.ts'

const ETCD = 'cluster-1'

/** A host in its second generation, after five signs of life; it took part in the third recovery. */
const notes: Notes = {
  history: ETCD,
  generation: 2,
  nonces: ['before', 'mine'],
  formerNonces: ['long ago'],
  beat: 5,
  boot: 'boot-1',
  recovery: { id: 'earlier', number: 3 },
}
const record: HostRecord = { name: 'rack1', generation: 2, nonce: 'mine' }
const foreign: HostRecord = { ...record, nonce: 'of somebody else' }
const evicted: HostRecord = { ...foreign, generation: 3, evicted: true }
const beat = (count: number) => ({ nonce: 'mine', beat: count, at: 0, version: '1' })
const found: Observation = { history: ETCD, host: record, seen: beat(5), gate: undefined }
const empty: Observation = { ...found, host: undefined, seen: undefined }
const behind: Observation = { ...found, seen: beat(4) }
const gate: RecoveryRecord = { id: 'r', number: 4, state: 'open', by: 'rack2', since: 'x' }
const needed: RecoveryRecord = { ...gate, state: 'needed' }
const over: RecoveryRecord = { ...gate, state: 'closed' }
const earlier: RecoveryRecord = { ...over, id: 'earlier', number: 3 }
const fenced: HostRecord = { ...foreign, generation: 3, recovery: { id: 'r', phase: 'fenced' } }
const cleaned: HostRecord = { ...record, generation: 3, recovery: { id: 'r', phase: 'cleaned' } }
const reclaimed: HostRecord = { ...cleaned, recovery: { id: 'r', phase: 'reclaimed' } }
const local: Notes = { ...notes, history: LOCAL_HISTORY, beat: 0, recovery: undefined }
const fresh: Notes = { ...notes, generation: 0, nonces: [], formerNonces: [], beat: 0 }

const recovering: Standing = { is: 'recovering', id: 'r', phase: 'fenced' }
const barred = (reason: RegExp, findsSetBack = false) => ({ is: 'barred', reason, findsSetBack })
const COPY = barred(/^Another machine has registered/)
const NO_JOURNAL = barred(/its journal here is empty/)
const NO_ENDPOINTS = barred(/ETCD_ENDPOINTS is empty: set it again/)
const OTHER_STORE = barred(/^This etcd is another one .* berth host adopt; .* berth recover$/)
const TOLD_SET_BACK = barred(/^etcd was set back to an older state/)
const FINDS_SET_BACK = barred(/^etcd was set back to an older state/, true)

type Row = readonly [
  sentence: string,
  noted: Notes | undefined,
  seen: Observation,
  standing: Standing | ReturnType<typeof barred>,
]

const SENTENCES: Readonly<Record<string, readonly Row[]>> = {
  'a host without notes': [
    ['is new where the store does not know it', undefined, empty, { is: 'new' }],
    ['takes part in a recovery', undefined, { ...empty, gate }, recovering],
    ['is new once it is over', undefined, { ...empty, gate: over }, { is: 'new' }],
    ['lost its journal where etcd knows it', undefined, found, NO_JOURNAL],
    ['lost it, evicted or not', undefined, { ...found, host: evicted }, NO_JOURNAL],
    ['lost it, recovery or not', undefined, { ...found, host: fenced, gate }, NO_JOURNAL],
    [
      'is of an earlier version where the store is its own',
      undefined,
      { ...found, history: LOCAL_HISTORY },
      { is: 'mine' },
    ],
  ],
  'a host that never finished registering': [
    ['is new still', fresh, empty, { is: 'new' }],
    ['is new on another store, too', fresh, { ...empty, history: 'cluster-2' }, { is: 'new' }],
    ['takes part in a recovery', fresh, { ...empty, gate }, recovering],
    [
      'takes over what it wrote itself',
      { ...fresh, nonces: ['mine'] },
      { ...found, seen: undefined },
      { is: 'returning' },
    ],
    ['is a copy where somebody else wrote', fresh, { ...found, seen: undefined }, COPY],
    [
      'is a copy during a recovery, too',
      fresh,
      { ...found, host: { ...foreign, recovery: { id: 'q', phase: 'reclaimed' } }, gate },
      COPY,
    ],
  ],
  'a host with notes': [
    ['finds its record as it wrote it last', notes, found, { is: 'mine' }],
    [
      'finds it as it wrote it before that',
      notes,
      { ...found, host: { ...record, nonce: 'before' } },
      { is: 'mine' },
    ],
    ['knows more signs of life than it noted', notes, { ...found, seen: beat(6) }, { is: 'mine' }],
    ['finds that of a copy', notes, { ...found, host: foreign }, COPY],
    ['finds a copy that is ahead', notes, { ...found, host: { ...foreign, generation: 3 } }, COPY],
    ['returns from an eviction', notes, { ...found, host: evicted }, { is: 'returning' }],
    [
      'returns from an eviction after a recovery that it took part in',
      notes,
      { ...found, host: evicted, gate: earlier },
      { is: 'returning' },
    ],
    [
      'goes on returning where it was cut off',
      notes,
      { ...found, host: { ...record, generation: 3 } },
      { is: 'returning' },
    ],
    [
      'goes on with a record of its own after a recovery',
      notes,
      { ...found, gate: earlier },
      { is: 'mine' },
    ],
  ],
  'a store that knows less than the host': [
    ['has no record of it', notes, empty, FINDS_SET_BACK],
    [
      'has an older generation',
      notes,
      { ...found, host: { ...record, generation: 1 } },
      FINDS_SET_BACK,
    ],
    ['has an older sign of life', notes, behind, FINDS_SET_BACK],
    ['has none', notes, { ...found, seen: undefined }, FINDS_SET_BACK],
    [
      'has the record of an earlier registration',
      notes,
      { ...found, host: { ...record, nonce: 'long ago' } },
      FINDS_SET_BACK,
    ],
    [
      'has an eviction that it returned from',
      notes,
      { ...found, host: { ...evicted, generation: 2 } },
      FINDS_SET_BACK,
    ],
    ['has another history', notes, { ...found, history: 'cluster-2' }, FINDS_SET_BACK],
    [
      'has a recovery that the host took part in',
      notes,
      { ...behind, gate: earlier },
      FINDS_SET_BACK,
    ],
    [
      'has one that is older still',
      notes,
      { ...behind, gate: { ...over, id: 'q', number: 2 } },
      FINDS_SET_BACK,
    ],
    [
      'has one behind it that the host missed',
      notes,
      { ...behind, gate: over },
      { is: 'returning' },
    ],
    [
      'has one in place of the last that the host knows',
      notes,
      { ...behind, gate: { ...over, number: 3 } },
      { is: 'returning' },
    ],
    [
      'has the first that the host hears of',
      { ...notes, recovery: undefined },
      { ...behind, gate: { ...over, number: 1 } },
      { is: 'returning' },
    ],
    [
      'was recovered, and has forgotten the host',
      notes,
      { ...empty, gate: over },
      { is: 'returning' },
    ],
    [
      'has another history, and was recovered',
      notes,
      { ...found, history: 'cluster-2', gate: over },
      { is: 'returning' },
    ],
    [
      'is another one that does not know the host',
      notes,
      { ...empty, history: 'cluster-2' },
      OTHER_STORE,
    ],
    [
      'is another one, and what was recovered there was others’',
      notes,
      { ...empty, history: 'cluster-2', gate: over },
      OTHER_STORE,
    ],
  ],
  'a recovery that is needed': [
    ['bars a host that has lost nothing', notes, { ...found, gate: needed }, TOLD_SET_BACK],
    ['bars one that knows it by itself', notes, { ...behind, gate: needed }, TOLD_SET_BACK],
    ['bars an evicted one', notes, { ...found, host: evicted, gate: needed }, TOLD_SET_BACK],
    ['bars a new one', undefined, { ...empty, gate: needed }, TOLD_SET_BACK],
    ['bars one that never finished registering', fresh, { ...empty, gate: needed }, TOLD_SET_BACK],
    ['bars one that moves there', local, { ...empty, gate: needed }, TOLD_SET_BACK],
    [
      'bars one that etcd has forgotten',
      notes,
      { ...empty, history: 'cluster-2', gate: needed },
      TOLD_SET_BACK,
    ],
  ],
  'a host in a recovery': [
    ['was fenced for it', notes, { ...found, host: fenced, gate }, recovering],
    [
      'has come as far as its record says',
      notes,
      { ...found, host: cleaned, gate },
      { is: 'recovering', id: 'r', phase: 'cleaned' },
    ],
    [
      'has come to the end of it',
      notes,
      { ...found, host: reclaimed, gate },
      { is: 'recovering', id: 'r', phase: 'reclaimed' },
    ],
    [
      'finds that a copy went on with it',
      notes,
      { ...found, host: { ...cleaned, nonce: 'of a copy' }, gate },
      COPY,
    ],
    [
      'was away until it was over',
      notes,
      { ...found, host: fenced, gate: over },
      { is: 'returning' },
    ],
    ['was forgotten by the store', notes, { ...empty, gate }, recovering],
    [
      'was forgotten by a store of another history',
      notes,
      { ...empty, history: 'cluster-2', gate },
      recovering,
    ],
    ['was not reached yet', notes, { ...found, gate }, recovering],
    ['was not reached yet, and knows more than the store', notes, { ...behind, gate }, recovering],
    [
      'was not reached yet, and finds the record of an earlier registration',
      notes,
      { ...found, host: { ...record, nonce: 'long ago' }, gate },
      recovering,
    ],
    [
      'was not reached yet, and finds that of a copy',
      notes,
      { ...found, host: foreign, gate },
      COPY,
    ],
    [
      'was fenced for an earlier one, and took part',
      notes,
      { ...found, host: { ...cleaned, recovery: { id: 'q', phase: 'reclaimed' } }, gate },
      recovering,
    ],
    [
      'was fenced for an earlier one while it was away, and finds a copy’s record',
      notes,
      { ...found, host: { ...fenced, recovery: { id: 'q', phase: 'cleaned' } }, gate },
      COPY,
    ],
    ['was evicted out of it', notes, { ...found, host: evicted, gate }, recovering],
    [
      'was evicted behind its first steps',
      notes,
      { ...found, host: { ...cleaned, nonce: 'of an eviction', evicted: true }, gate },
      recovering,
    ],
  ],
  'a host that kept its state for itself': [
    [
      'finds it again',
      local,
      { ...found, history: LOCAL_HISTORY, seen: undefined },
      { is: 'mine' },
    ],
    ['moves to etcd with all that it holds', local, empty, { is: 'returning' }],
    ['moves there during a recovery', local, { ...empty, gate }, recovering],
    [
      'goes on moving where it was cut off',
      local,
      { ...found, host: { ...record, generation: 3 }, seen: undefined },
      { is: 'returning' },
    ],
    ['does not take over another’s record there', local, { ...found, host: foreign }, NO_JOURNAL],
    [
      'does not come back from etcd without being told',
      notes,
      { ...empty, history: LOCAL_HISTORY },
      NO_ENDPOINTS,
    ],
  ],
}

for (const [subject, rows] of Object.entries(SENTENCES)) {
  await t.test(subject, t => {
    for (const [sentence, noted, seen, standing] of rows)
      t.match(standingOf(noted, seen), standing, sentence)
    t.end()
  })
}

await t.test('a registered host has its place', t => {
  const has = (seen: Observation, generation: number | undefined = 2) =>
    hasItsPlace(notes, generation, seen)
  t.ok(has(found), 'while nobody else wrote its record')
  t.notOk(hasItsPlace(notes, undefined, found), 'but not before it registered')
  t.notOk(has({ ...found, host: undefined }), 'nor without its record')
  t.notOk(has({ ...found, host: foreign }), 'nor under that of a copy')
  t.notOk(has({ ...found, host: { ...record, generation: 3 } }), 'nor after an eviction')
  t.notOk(has(behind), 'nor in a store that was set back')
  t.notOk(has({ ...found, gate }), 'nor while a recovery is open that it has no part in')
  t.ok(has({ ...found, gate: over }), 'but once that is over')
  const taking: HostRecord = { ...record, recovery: { id: 'r', phase: 'cleaned' } }
  t.ok(has({ ...found, host: taking, gate }), 'or while it takes part')
  t.end()
})
