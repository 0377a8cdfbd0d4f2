import { execFile } from 'node:child_process'
import { execPath } from 'node:process'
import { promisify } from 'node:util'
import t from 'tap'

await t.test('the log is lines of JSON on standard output, from its level on', async t => {
  const module = JSON.stringify(new URL('../../shared/log.ts', import.meta.url).href)
  const code = `
    const { openLog } = await import(${module})
    const log = openLog('info')
    log.debug('unseen')
    log.info({ address: '192.0.2.7', err: new Error('why') }, 'given')`
  const args = ['--input-type=module', '--eval', code]
  const { stdout, stderr } = await promisify(execFile)(execPath, args, { timeout: 10_000 })
  t.equal(stderr, '')
  const lines = stdout.trimEnd().split('\n')
  t.equal(lines.length, 1)
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>
  t.match(line, { level: 30, msg: 'given', address: '192.0.2.7', err: { stack: /why/ } })
  t.match(line['time'], /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  t.notOk('pid' in line || 'hostname' in line, 'the engine knows those')
})
