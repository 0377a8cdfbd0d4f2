import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { OutcomeUnknown } from '../../shared/store.ts'
import { Etcd } from '../etcd/etcd.ts'
import { REFUSED_WITHIN_MS, claim, failure, open, until, works } from './etcd-world.ts'

t.setTimeout(120_000)

await t.test('what etcd refuses for good names the setting', async t => {
  const etcd = await Etcd.start(t, { tls: true, rootPassword: 'right' })
  const { ca, cert, key } = etcd.certificates ?? {}
  const other = await Etcd.start(t, { tls: true })
  const good = { ca, cert, key, username: 'root', password: 'right' }
  const store = open(t, etcd.urls, good)
  t.match(await claim(store, 'a'), { committed: true })
  for (const [options, setting] of [
    [{ ...good, password: 'wrong' }, /ETCD_PASSWORD/],
    [{ ca, cert, key }, /ETCD_USERNAME/],
    [{ ...good, ca: other.certificates?.ca }, /ETCD_CA/],
    [{ ...good, ca: undefined }, /ETCD_CA/],
    [{ ...good, cert: undefined, key: undefined }, /ETCD_CERT/],
    [{ ...good, cert: other.certificates?.cert, key: other.certificates?.key }, /ETCD_CERT/],
  ] as const) {
    const { error, ms } = await failure(claim(open(t, etcd.urls, options), 'b'))
    t.match(error, { message: setting })
    t.notOk(error instanceof OutcomeUnknown, String(error))
    t.ok(ms < REFUSED_WITHIN_MS, `${ms} ms`)
  }
  await etcd.ctl('--user', 'root:right', 'user', 'add', 'guest:guest')
  const guest = open(t, etcd.urls, { ...good, username: 'guest', password: 'guest' })
  t.match((await failure(claim(guest, 'b'))).error, { message: /permission .* ETCD_PREFIX/ })

  await etcd.kill(etcd.member(0))
  await etcd.startAll()
  await until(async () => await works(store))
  t.match(await claim(store, 'b'), { committed: true }, 'its token was forgotten with the process')
})

await t.test('a token that ran out is replaced, also for a commit', async t => {
  const args = ['--auth-token-ttl=1']
  const etcd = await Etcd.start(t, { rootPassword: 'right', args })
  const store = open(t, etcd.urls, { username: 'root', password: 'right' })
  t.match(await claim(store, 'a'), { committed: true })
  await sleep(3500)
  t.match(await claim(store, 'b'), { committed: true })
  await sleep(3500)
  t.match(await store.get('b'), { value: 'mine' })
})

await t.test('a user that etcd does not ask for is not needed, until it does', async t => {
  const etcd = await Etcd.start(t)
  const store = open(t, etcd.urls, { username: 'root', password: 'right' })
  t.match(await claim(store, 'a'), { committed: true })
  await etcd.enableAuth('right')
  t.match(await claim(store, 'b'), { committed: true })
})

await t.test('http and https taken for each other are told', async t => {
  const plain = await Etcd.start(t)
  const secure = await Etcd.start(t, { tls: true })
  const [asTls, asPlain] = [`https:${plain.urls[0]?.slice(5)}`, `http:${secure.urls[0]?.slice(6)}`]
  for (const [url, told] of [
    [asTls, /may not speak TLS: check ETCD_ENDPOINTS/],
    [asPlain, /may want TLS: check ETCD_ENDPOINTS/],
  ] as const) {
    const { error } = await failure(claim(open(t, [url]), 'a'))
    t.match(error, { name: 'StoreUnavailable', message: told })
  }
})
