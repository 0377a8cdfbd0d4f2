import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { hostId } from '../../ipam-plugin/identity.ts'

await t.test('an identity is made once, and is the same ever after', async t => {
  const file = join(t.testdir(), 'berth', 'host.json')
  const id = await hostId(file)
  t.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  t.equal(await hostId(file), id)
  t.strictSame(JSON.parse(readFileSync(file, 'utf8')), { id })
})

await t.test('two hosts have two identities', async t => {
  const folder = t.testdir()
  t.not(await hostId(join(folder, 'a.json')), await hostId(join(folder, 'b.json')))
})

await t.test('it is for its owner alone, and leaves no draft behind', async t => {
  const folder = join(t.testdir(), 'berth')
  await hostId(join(folder, 'host.json'))
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.equal(statSync(join(folder, 'host.json')).mode & 0o777, 0o600)
  t.strictSame(readdirSync(folder), ['host.json'])
})

await t.test('a draft that a crash left behind does not matter', async t => {
  const folder = t.testdir({ 'host.json.new': '{"id":"ha' })
  const id = await hostId(join(folder, 'host.json'))
  t.equal(await hostId(join(folder, 'host.json')), id)
})

await t.test('what other versions wrote beside the id is left alone', async t => {
  const text = '{"id":"0f3c","machine":{"uuid":"x"}}'
  const file = join(t.testdir({ 'host.json': text }), 'host.json')
  t.equal(await hostId(file), '0f3c')
  t.equal(readFileSync(file, 'utf8'), text)
})

await t.test('an identity that cannot be read is an error, and is never made anew', async t => {
  for (const spoilt of ['', '{"id":', '{}', '{"id":7}', 'null']) {
    const file = join(t.testdir({ 'host.json': spoilt }), 'host.json')
    await t.rejects(hostId(file), {
      message: new RegExp(`^Cannot read or make the host's identity ${file}: `),
    })
    t.equal(readFileSync(file, 'utf8'), spoilt)
  }
})

await t.test('an identity that cannot be made is an error', async t => {
  const file = join(t.testdir({ file: 'no folder' }), 'file', 'host.json')
  await t.rejects(hostId(file), { message: /ENOTDIR/ })
})

await t.test('two plugins that start at once on a fresh host have one identity', async t => {
  const folder = t.testdir()
  const file = join(folder, 'host.json')
  const ids = await Promise.allSettled(Array.from({ length: 4 }, () => hostId(file)))
  const kept = await hostId(file)
  t.strictSame(
    ids.map(one => (one.status === 'fulfilled' ? one.value : String(one.reason))),
    [kept, kept, kept, kept],
  )
  t.strictSame(readdirSync(folder), ['host.json'])
})

await t.test('an empty id is no identity', async t => {
  const file = join(t.testdir(), 'host.json')
  writeFileSync(file, '{"id":""}')
  const read = await hostId(file).catch(() => 'refused')
  t.equal(read, 'refused')
})
