import { once } from 'node:events'
import { lstatSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { serveAdmin } from '../../shared/admin-server.ts'
import type { AdminRequest } from '../../shared/admin-server.ts'
import { Refusal } from '../../shared/refusal.ts'
import { StoreUnavailable } from '../../shared/store.ts'

t.chdir(t.testdir({}))

const SOCKET = 'state/ipam/admin.sock'
const refuse = (code: Refusal['code'], message: string) => async () => {
  throw new Refusal(code, message)
}
const server = await serveAdmin(SOCKET, {
  'GET /healthz': async () => ({ ok: true }),
  'GET /v1/things/:id': async asked => ({ ...asked }),
  'POST /v1/things/:id/name': async (asked: AdminRequest) => ({ ...asked }),
  'GET /v1/both': async () => ({ read: true }),
  'POST /v1/both': async () => ({ written: true }),
  'GET /v1/early': refuse('not-ready', 'The plugin cannot answer yet'),
  'GET /v1/late': refuse('deadline', 'The store did not answer in time'),
  'GET /v1/away': async () => {
    throw new StoreUnavailable('etcd cannot be reached')
  },
  'GET /v1/senseless': refuse('bad-request', 'The limit must be a number'),
  'GET /v1/refused': refuse('address-in-use', 'Address 192.0.2.2 is used'),
  'GET /v1/broken': async () => {
    throw new Error('no such thing')
  },
  'GET /v1/careless': async () => {
    // oxlint-disable-next-line typescript/only-throw-error -- what a careless dependency may do
    throw 'a text'
  },
})
t.teardown(() => server.close(0))

await t.test('its folder and its socket are for the owner alone', t => {
  t.equal(lstatSync('state/ipam').mode & 0o777, 0o700)
  t.equal(lstatSync(SOCKET).mode & 0o777, 0o600)
  t.end()
})

await t.test('a route is served as JSON, each method of a path by its own', async t => {
  t.strictSame(await ask('/healthz'), { status: 200, body: { ok: true } })
  t.strictSame(await ask('/v1/both'), { status: 200, body: { read: true } })
  t.strictSame(await ask('/v1/both', 'POST'), { status: 200, body: { written: true } })
})

await t.test('a route is told its part of the path, the query, and the body as JSON', async t => {
  t.strictSame(await ask('/v1/things/a%2Fb?after=v1%2Fx&limit=2'), {
    status: 200,
    body: { params: { id: 'a/b' }, query: { after: 'v1/x', limit: '2' }, body: {} },
  })
  t.strictSame(await ask('/v1/things/7/name', 'POST', '{"force":true}'), {
    status: 200,
    body: { params: { id: '7' }, query: {}, body: { force: true } },
  })
  t.match(await ask('/v1/things/7/name', 'POST'), { status: 200, body: { body: {} } })
})

await t.test('a refusal is 409, or 503 or 400 where its code says so', async t => {
  for (const [path, status, code, error] of [
    ['/v1/refused', 409, 'address-in-use', 'Address 192.0.2.2 is used'],
    ['/v1/early', 503, 'not-ready', 'The plugin cannot answer yet'],
    ['/v1/late', 503, 'deadline', 'The store did not answer in time'],
    ['/v1/senseless', 400, 'bad-request', 'The limit must be a number'],
  ] as const) {
    t.strictSame(await ask(path), { status, body: { error, code } })
  }
})

await t.test('whatever else is thrown is 500', async t => {
  t.strictSame(await ask('/v1/broken'), {
    status: 500,
    body: { error: 'no such thing', code: 'failed' },
  })
  t.strictSame(await ask('/v1/careless'), {
    status: 500,
    body: { error: 'a text', code: 'failed' },
  })
})

await t.test('a body that is no JSON, or too long, comes to no route', async t => {
  for (const sent of ['{"force":', `"${'x'.repeat(100_000)}"`]) {
    t.match(await ask('/v1/things/7/name', 'POST', sent), {
      status: 400,
      body: { error: /^Cannot read the request's body as JSON: /, code: 'bad-request' },
    })
  }
})

await t.test('an outage of the store may be over later', async t => {
  t.strictSame(await ask('/v1/away'), {
    status: 503,
    body: { error: 'etcd cannot be reached', code: 'store-away' },
  })
})

await t.test('another path is not found, and tells what there is', async t => {
  const { status, body } = await ask('/v1')
  t.equal(status, 404)
  t.match(body, {
    error: /^There is no GET \/v1; there are GET \/healthz, GET \/v1\/things\/:id, /,
    code: 'not-found',
  })
})

await t.test('another method of a path that is there says which it has', async t => {
  t.strictSame(await ask('/healthz', 'POST'), {
    status: 405,
    body: { error: 'There is no POST /healthz; there is GET /healthz', code: 'wrong-method' },
  })
  t.match(await ask('/v1/both', 'DELETE'), {
    status: 405,
    body: { error: /GET \/v1\/both, POST \/v1\/both$/ },
  })
})

async function ask(path: string, method = 'GET', body = '') {
  const sent = request({ socketPath: SOCKET, path, method, agent: false }).end(body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: answer.statusCode, body: JSON.parse(await text(answer)) as unknown }
}
