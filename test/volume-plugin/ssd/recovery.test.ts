import t from 'tap'
import type { ClaimState } from '../../../volume-plugin/ssd/claim.ts'
import { decide, faultOf } from '../../../volume-plugin/ssd/recovery.ts'
import type { Shown } from '../../../volume-plugin/ssd/recovery.ts'

const BLANK: Shown = {
  mark: 'none',
  superblock: undefined,
  isOurs: false,
  signatures: [],
  content: undefined,
  isSeenHead: false,
  isBodyBlank: false,
  isHeadBlank: false,
}
const whole = { uuid: 'planned', label: 'berth-012345', inProgress: false }
const begun = { ...whole, inProgress: true }
const foreign = { ...whole, uuid: 'another' }
const MARKED: Shown = { ...BLANK, mark: 'ours' }
const BEGUN: Shown = { ...MARKED, superblock: begun, isOurs: true, signatures: ['xfs'] }
const MADE: Shown = { ...BEGUN, superblock: whole }
const FOREIGN: Shown = { ...BLANK, superblock: foreign, signatures: ['xfs'] }
const TAKEN: Shown = { ...BLANK, mark: 'other', content: 1_048_576 }
const DATA: Shown = { ...BLANK, content: 8192 }

const body: ClaimState = { is: 'wiping', part: 'body', offset: 0, head: undefined }
const head: ClaimState = { is: 'wiping', part: 'head', offset: 0, head: undefined }
const QUARANTINE = { do: 'quarantine' }

const TABLE: readonly [string, ClaimState, Shown, object][] = [
  ['an intent on a blank disk never wrote', { is: 'intent' }, BLANK, { do: 'drop' }],
  [
    'an intent whose mark is there goes on',
    { is: 'intent' },
    MARKED,
    { do: 'format', force: false },
  ],
  [
    'an intent whose mark is torn marks again',
    { is: 'intent' },
    { ...BLANK, mark: 'torn' },
    { do: 'mark' },
  ],
  ['an intent never goes on over data', { is: 'intent' }, DATA, QUARANTINE],
  ['nor over data beside its mark', { is: 'intent' }, { ...MARKED, content: 5 }, QUARANTINE],
  ['nor over a file system', { is: 'intent' }, FOREIGN, QUARANTINE],
  ["nor over another claim's mark", { is: 'intent' }, TAKEN, QUARANTINE],
  [
    'a marked disk is formatted, not by force',
    { is: 'marked' },
    MARKED,
    { do: 'format', force: false },
  ],
  ['without its mark it is left alone', { is: 'marked' }, BLANK, QUARANTINE],
  [
    'nor is it formatted where anything else is there',
    { is: 'marked' },
    { ...MARKED, signatures: ['ext4'] },
    QUARANTINE,
  ],
  [
    'mkfs that never wrote is run again',
    { is: 'formatting' },
    MARKED,
    { do: 'format', force: false },
  ],
  [
    'mkfs that was cut short is run again, by force',
    { is: 'formatting' },
    BEGUN,
    { do: 'format', force: true },
  ],
  ['and so is one that nobody saw end', { is: 'formatting' }, MADE, { do: 'format', force: true }],
  [
    'also where its mark is gone: the file system is ours',
    { is: 'formatting' },
    { ...BEGUN, mark: 'none' },
    { do: 'format', force: true },
  ],
  ['but never over another one', { is: 'formatting' }, FOREIGN, QUARANTINE],
  ['not even beside our mark', { is: 'formatting' }, { ...FOREIGN, mark: 'ours' }, QUARANTINE],
  ['nor over a blank disk that lost its mark', { is: 'formatting' }, BLANK, QUARANTINE],
  ['a file system that was seen whole is filled', { is: 'formatted' }, MADE, { do: 'prepare' }],
  ['one that is half made by now is not', { is: 'formatted' }, BEGUN, QUARANTINE],
  ['nor another one', { is: 'formatted' }, FOREIGN, QUARANTINE],
  ['a wipe goes on while the file system proves it', body, MADE, { do: 'wipe' }],
  ['or the mark does', body, MARKED, { do: 'wipe' }],
  [
    'or the head is what the operator saw',
    { ...body, head: 'hash' },
    { ...FOREIGN, isSeenHead: true },
    { do: 'wipe' },
  ],
  ['but not over what came there since', body, FOREIGN, QUARANTINE],
  ['nor where the mark is left beside it', body, { ...FOREIGN, mark: 'ours' }, QUARANTINE],
  ['not even over nothing', body, BLANK, QUARANTINE],
  ['the head goes once the body is blank', head, { ...MADE, isBodyBlank: true }, { do: 'wipe' }],
  [
    'and goes again where it has gone',
    head,
    { ...BLANK, isBodyBlank: true, isHeadBlank: true },
    { do: 'wipe' },
  ],
  [
    'but never one that came since, however little is behind it',
    head,
    { ...FOREIGN, isBodyBlank: true },
    QUARANTINE,
  ],
  ['and not before', head, MADE, QUARANTINE],
  ['a volume is never written to', { is: 'ready' }, FOREIGN, { do: 'nothing' }],
  [
    'nor is one that is kept',
    { is: 'parked', since: '', keepMs: 1, keptMs: 0 },
    BLANK,
    { do: 'nothing' },
  ],
  ['nor is one in quarantine', { is: 'quarantined', reason: '' }, MARKED, { do: 'nothing' }],
]

for (const [behaviour, state, shown, expected] of TABLE) {
  await t.test(behaviour, t => {
    t.match(decide(state, shown), expected)
    t.end()
  })
}

await t.test('a quarantine says what was expected and what was found', t => {
  t.match(decide({ is: 'marked' }, { ...FOREIGN, content: 7 }), {
    reason:
      'its mark should be there, and nothing else; found: mark: none, XFS another, xfs, data at byte 7',
  })
  t.end()
})

await t.test('only a whole file system of its own may be mounted', t => {
  t.equal(faultOf(MADE), undefined)
  t.match(faultOf(BLANK), 'no XFS')
  t.match(faultOf(FOREIGN), 'another file system (XFS another)')
  t.match(faultOf(BEGUN), 'mkfs never ended')
  t.end()
})
