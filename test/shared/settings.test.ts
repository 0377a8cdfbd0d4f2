import t from 'tap'
import { parseDuration } from '../../shared/duration.ts'
import { BadSettings, absolutePath, oneOf, readSettings } from '../../shared/settings.ts'

const TABLE = {
  NAME: { fallback: 'nobody', parse: (text: string) => text },
  LEVEL: { fallback: 'low', parse: oneOf(['low', 'high']) },
  FOLDER: { fallback: '/var/lib', parse: absolutePath },
  REST: { fallback: 0, parse: parseDuration },
}

await t.test('a setting that is absent or empty has its fallback', t => {
  const fallbacks = { NAME: 'nobody', LEVEL: 'low', FOLDER: '/var/lib', REST: 0 }
  t.strictSame(readSettings(TABLE, {}), fallbacks)
  t.strictSame(readSettings(TABLE, { NAME: '', LEVEL: '', FOLDER: '', REST: '' }), fallbacks)
  t.end()
})

await t.test('a setting that is there is parsed, and other variables are not read', t => {
  const environment = { NAME: 'rack1', LEVEL: 'high', FOLDER: '/data', REST: '2m', PATH: '/bin' }
  t.strictSame(readSettings(TABLE, environment), {
    NAME: 'rack1',
    LEVEL: 'high',
    FOLDER: '/data',
    REST: 120_000,
  })
  t.end()
})

await t.test('all faults are told at once, each with its value and what was wanted', t => {
  const read = () =>
    readSettings(
      TABLE,
      { LEVEL: 'HIGH', FOLDER: 'data', REST: 'soon', LATER: 'x', EMPTY: '' },
      { LATER: 'not in this version', EMPTY: 'never told', ABSENT: 'never told' },
    )
  t.throws(read, BadSettings)
  t.throws(read, {
    message: [
      'LEVEL="HIGH": Must be one of low, high',
      'FOLDER="data": Must be an absolute path, without ".", ".." and empty names',
      'REST="soon": Must be a number and a unit, such as 60s, 10m, 24h or 7d',
      'LATER: not in this version',
    ].join('\n'),
  })
  t.end()
})

await t.test('a setting of elsewhere is named without its value, which may be a secret', t => {
  const read = () => readSettings({}, { PASSWORD: 'hunter2' }, { PASSWORD: 'not yet' })
  t.throws(read, { message: 'PASSWORD: not yet' })
  t.end()
})

await t.test('a duration is a number and a unit', t => {
  for (const [text, ms] of [
    ['0', 0],
    ['0s', 0],
    ['250ms', 250],
    ['90s', 90_000],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['007s', 7000],
  ] as const) {
    t.equal(parseDuration(text), ms, text)
  }
  t.end()
})

await t.test('anything else is no duration', t => {
  for (const text of [
    '',
    '60',
    's',
    '-1s',
    '1.5h',
    '1 s',
    ' 1s',
    '1s ',
    '1S',
    '1w',
    '1h30m',
    '1e3s',
    '1234567890s',
    '٣s',
  ]) {
    t.throws(() => parseDuration(text), { message: /a number and a unit, such as 60s/ }, text)
  }
  t.end()
})
