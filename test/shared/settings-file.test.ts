import { execFileSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { withSettingsFile } from '../../shared/settings-file.ts'
import { BadSettings } from '../../shared/settings.ts'
import type { Environment } from '../../shared/settings.ts'

const NAMES = ['USER', 'PASSWORD', 'PREFIX']
const path = join(t.testdir({ folder: {} }), 'settings.env')

const read = (text: string, environment: Environment = {}, mode = 0o600) => {
  writeFileSync(path, text)
  chmodSync(path, mode)
  return withSettingsFile(environment, path, NAMES)
}

await t.test('a file that is not there says nothing', t => {
  t.strictSame(withSettingsFile({ USER: 'u' }, `${path}.none`, NAMES), { USER: 'u' })
  t.end()
})

await t.test('what stands in the file joins the environment', t => {
  const text = '# for etcd\n\nUSER = berth\r\n  PASSWORD=a = "b" # c \n\t# more\nPREFIX='
  t.strictSame(read(text, { PATH: '/bin', PREFIX: '' }), {
    PATH: '/bin',
    USER: 'berth',
    PASSWORD: 'a = "b" # c',
    PREFIX: '',
  })
  t.end()
})

await t.test('a name may stand in both places with the same value alone', t => {
  t.match(read('USER=u\nPASSWORD=p', { USER: 'u', PASSWORD: '' }), { USER: 'u', PASSWORD: 'p' })
  t.throws(() => read('USER=u', { USER: 'v' }), {
    message: `${path}, line 1: USER is set in the environment as well, to another value; leave one of them empty`,
  })
  t.throws(() => read('USER=', { USER: 'v' }), BadSettings)
  t.end()
})

await t.test('all faults are told at once, by line and without values', t => {
  t.throws(() => read('# x\nUSER=hunter1\nUSER=hunter2\nhunter3\nMODE=hunter4'), {
    name: 'BadSettings',
    message: [
      `${path}, line 3: USER stands here twice`,
      `${path}, line 4: Must be NAME=value`,
      `${path}, line 5: "MODE" cannot stand here; only USER, PASSWORD, PREFIX can`,
    ].join('\n'),
  })
  t.end()
})

await t.test('a file that others may read or change is refused', t => {
  for (const mode of [0o640, 0o604, 0o620, 0o644]) {
    t.throws(() => read('USER=u', {}, mode), { name: 'BadSettings', message: /run chmod 600/ })
  }
  t.strictSame(read('USER=u', {}, 0o400), { USER: 'u' })
  t.end()
})

await t.test('what is not a file is refused, and holds nothing up', t => {
  const pipe = `${path}.pipe`
  execFileSync('/usr/bin/mkfifo', [pipe], { timeout: 10_000 })
  for (const wrong of [pipe, join(path, '..', 'folder')]) {
    t.throws(() => withSettingsFile({}, wrong, NAMES), { message: `${wrong}: Is not a file` })
  }
  t.end()
})

await t.test('a state directory that is none is for whoever opens the state to tell', t => {
  t.strictSame(withSettingsFile({ A: '1' }, join(path, 'below'), NAMES), { A: '1' })
  t.end()
})
