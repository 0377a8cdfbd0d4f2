import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import type { Fingerprint } from '../../shared/host.ts'
import { adoptIdentity, readIdentity } from '../../shared/identity.ts'

const [A, B, C] = ['02:42:0a:00:00:01', '02:42:0a:00:00:02', '02:42:0a:00:00:03'] as const
const here: Fingerprint = { product: '4c4c', macs: [A, B] }
const elsewhere: Fingerprint = { product: '5d5d', macs: [C] }

await t.test('an identity is made once, bound to the machine, and the same ever after', async t => {
  const file = join(t.testdir(), 'berth', 'host.json')
  const { id, isForeign } = await readIdentity(file, here)
  t.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  t.equal(isForeign, false)
  t.strictSame(await readIdentity(file, here), { id, isForeign: false })
  t.strictSame(stored(file), { id, machine: here })
})

await t.test('two hosts have two identities', async t => {
  const folder = t.testdir()
  const one = await readIdentity(join(folder, 'a.json'), here)
  t.not(one.id, (await readIdentity(join(folder, 'b.json'), here)).id)
})

await t.test('it is for its owner alone, and leaves no draft behind', async t => {
  const folder = join(t.testdir(), 'berth')
  const file = join(folder, 'host.json')
  await readIdentity(file, here)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.equal(statSync(file).mode & 0o777, 0o600)
  await readIdentity(file, { ...here, macs: [A] })
  await adoptIdentity(file, elsewhere)
  t.equal(statSync(file).mode & 0o777, 0o600, 'nor where it is written again')
  t.strictSame(readdirSync(folder), ['host.json'])
})

await t.test('a draft that a crash left behind does not matter', async t => {
  const folder = t.testdir({ 'host.json.new': '{"id":"ha' })
  const { id } = await readIdentity(join(folder, 'host.json'), here)
  t.equal((await readIdentity(join(folder, 'host.json'), here)).id, id)
})

await t.test('one that an earlier version made is kept, and bound to this machine', async t => {
  const file = identityOf(t, '{"id":"0f3c"}')
  t.strictSame(await readIdentity(file, here), { id: '0f3c', isForeign: false })
  t.strictSame(stored(file), { id: '0f3c', machine: here })
  t.match(await readIdentity(file, elsewhere), { isForeign: true })
})

await t.test('on another machine it is foreign, and stays as it is', async t => {
  const file = identityOf(t, JSON.stringify({ id: '0f3c', machine: here }))
  const before = readFileSync(file, 'utf8')
  t.strictSame(await readIdentity(file, elsewhere), { id: '0f3c', isForeign: true })
  t.equal(readFileSync(file, 'utf8'), before, 'the copy does not make itself at home')
  t.match(await readIdentity(file, here), { isForeign: false }, 'the original goes on')
})

await t.test('interfaces may come and go, as long as one of the last start is there', async t => {
  const file = identityOf(t, JSON.stringify({ id: '0f3c', machine: here }))
  const starts = [[A], [A, C], [C], [B, C]].map(macs => ({ ...here, macs }))
  for (const machine of starts) {
    t.match(await readIdentity(file, machine), { isForeign: false }, machine.macs.join(' '))
    t.strictSame(stored(file), { id: '0f3c', machine })
  }
  t.match(await readIdentity(file, { ...here, macs: [A] }), { isForeign: true }, 'all are new')
})

await t.test('what cannot be seen at a start is not forgotten', async t => {
  const file = identityOf(t, JSON.stringify({ id: '0f3c', machine: here }))
  for (const machine of [
    { product: '', macs: [] },
    { product: '', macs: [A, B] },
    { product: '4c4c', macs: [] },
  ]) {
    t.match(await readIdentity(file, machine), { isForeign: false })
    t.strictSame(stored(file), { id: '0f3c', machine: here })
  }
})

await t.test('one that is the same is not written again', async t => {
  const file = join(t.testdir(), 'host.json')
  await readIdentity(file, here)
  const { ino } = statSync(file)
  await readIdentity(file, here)
  t.equal(statSync(file).ino, ino)
})

await t.test('adopting binds it to this machine, and to no other any more', async t => {
  const file = identityOf(t, JSON.stringify({ id: '0f3c', machine: here }))
  await adoptIdentity(file, elsewhere)
  t.strictSame(stored(file), { id: '0f3c', machine: elsewhere })
  t.strictSame(await readIdentity(file, elsewhere), { id: '0f3c', isForeign: false })
  t.match(await readIdentity(file, here), { isForeign: true })
})

await t.test('where there is no identity there is nothing to adopt', async t => {
  const file = join(t.testdir(), 'host.json')
  await t.rejects(adoptIdentity(file, here), {
    message: `There is no identity in ${file} to adopt`,
  })
})

await t.test('an identity that cannot be read is an error, and is never made anew', async t => {
  for (const spoilt of ['', '{"id":', '{}', '{"id":7}', 'null', '{"id":"0f3c","machine":7}']) {
    const file = identityOf(t, spoilt)
    await t.rejects(readIdentity(file, here), {
      message: new RegExp(`^Cannot read or make the host's identity ${file}: `),
    })
    t.equal(readFileSync(file, 'utf8'), spoilt)
    await t.rejects(adoptIdentity(file, here))
    t.equal(readFileSync(file, 'utf8'), spoilt)
  }
})

await t.test('an identity that cannot be made is an error', async t => {
  const file = join(t.testdir({ file: 'no folder' }), 'file', 'host.json')
  await t.rejects(readIdentity(file, here), { message: /ENOTDIR/ })
})

await t.test('two plugins that start at once on a fresh host have one identity', async t => {
  const folder = t.testdir()
  const file = join(folder, 'host.json')
  const found = await Promise.allSettled(Array.from({ length: 4 }, () => readIdentity(file, here)))
  const kept = await readIdentity(file, here)
  t.strictSame(
    found.map(one => (one.status === 'fulfilled' ? one.value : String(one.reason))),
    [kept, kept, kept, kept],
  )
  t.strictSame(readdirSync(folder), ['host.json'])
})

await t.test('an empty id is no identity', async t => {
  const file = join(t.testdir(), 'host.json')
  writeFileSync(file, '{"id":""}')
  await t.rejects(readIdentity(file, here))
})

function identityOf(t: Test, text: string): string {
  return join(t.testdir({ 'host.json': text }), 'host.json')
}

function stored(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'))
}
