import t from 'tap'
import type { Notes } from '../../ipam-plugin/notes.ts'
import type { HostRecord, RecoveryRecord } from '../../ipam-plugin/records.ts'
import { standingOf } from '../../ipam-plugin/standing.ts'
import type { Observation, Standing } from '../../ipam-plugin/standing.ts'
import { LOCAL_HISTORY } from '../../shared/store.ts'

const ETCD = 'cluster-1'

/** A host in its second generation, after five signs of life. */
const notes: Notes = {
  history: ETCD,
  generation: 2,
  nonces: ['before', 'mine'],
  beat: 5,
  boot: 'boot-1',
  recovery: undefined,
}
const record: HostRecord = { name: 'rack1', generation: 2, nonce: 'mine' }
const foreign: HostRecord = { ...record, nonce: 'of somebody else' }
const evicted: HostRecord = { ...foreign, generation: 3, evicted: true }
const beat = (count: number) => ({ nonce: 'mine', beat: count, at: 0, version: '1' })
const found: Observation = { history: ETCD, host: record, seen: beat(5), gate: undefined }
const empty: Observation = { ...found, host: undefined, seen: undefined }
const gate: RecoveryRecord = { id: 'r', open: true, by: 'rack2', since: 'x' }
const over: RecoveryRecord = { ...gate, open: false }
const fenced: HostRecord = { ...foreign, generation: 3, recovery: { id: 'r', phase: 'fenced' } }
const cleaned: HostRecord = { ...record, generation: 3, recovery: { id: 'r', phase: 'cleaned' } }
const local: Notes = { ...notes, history: LOCAL_HISTORY, beat: 0 }
const fresh: Notes = { ...notes, generation: 0, nonces: [], beat: 0 }

const recovering: Standing = { is: 'recovering', id: 'r', phase: 'fenced' }
const barred = (reason: RegExp) => ({ is: 'barred', reason })
const COPY = barred(/^Another machine has registered/)
const NO_JOURNAL = barred(/its journal here is empty/)
const SET_BACK = barred(/^etcd was set back to an older state/)

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
    ['takes part in a recovery', fresh, { ...empty, gate }, recovering],
    [
      'takes over what it wrote itself',
      { ...fresh, nonces: ['mine'] },
      { ...found, seen: undefined },
      { is: 'returning' },
    ],
    ['is a copy where somebody else wrote', fresh, { ...found, seen: undefined }, COPY],
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
      'goes on returning where it was cut off',
      notes,
      { ...found, host: { ...record, generation: 3 } },
      { is: 'returning' },
    ],
    [
      'goes on with a record of its own after a recovery',
      notes,
      { ...found, gate: over },
      { is: 'mine' },
    ],
  ],
  'a store that knows less than the host': [
    ['has no record of it', notes, empty, SET_BACK],
    ['has an older generation', notes, { ...found, host: { ...record, generation: 1 } }, SET_BACK],
    ['has an older sign of life', notes, { ...found, seen: beat(4) }, SET_BACK],
    ['has none', notes, { ...found, seen: undefined }, SET_BACK],
    [
      'has an eviction that it returned from',
      notes,
      { ...found, host: { ...evicted, generation: 2 } },
      SET_BACK,
    ],
    ['has another history', notes, { ...found, history: 'cluster-2' }, SET_BACK],
    [
      'has a recovery that the host took part in',
      { ...notes, recovery: 'r' },
      { ...empty, gate: over },
      SET_BACK,
    ],
    [
      'has one under way that is not the host’s yet',
      notes,
      { ...found, seen: beat(4), gate },
      recovering,
    ],
    [
      'has one behind it that the host missed',
      notes,
      { ...found, seen: beat(4), gate: over },
      { is: 'returning' },
    ],
    [
      'is another one, and was recovered',
      notes,
      { ...empty, history: 'cluster-2', gate: over },
      { is: 'returning' },
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
    [
      'was fenced for an earlier one',
      notes,
      { ...found, host: { ...fenced, recovery: { id: 'q', phase: 'fenced' } }, gate },
      recovering,
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
      barred(/ETCD_ENDPOINTS is empty: set it again/),
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
