import { once } from 'node:events'
import { lstatSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { serveAdmin } from '../../shared/admin-server.ts'
import { Refusal } from '../../shared/refusal.ts'

t.chdir(t.testdir({}))

const SOCKET = 'state/ipam/admin.sock'
const server = await serveAdmin(SOCKET, {
  '/healthz': async () => ({ ok: true }),
  '/v1/late': async () => {
    throw new Refusal('not-ready', 'The plugin cannot answer yet')
  },
  '/v1/broken': async () => {
    throw new Error('no such thing')
  },
  '/v1/careless': async () => {
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

await t.test('a view is served as JSON', async t => {
  t.strictSame(await get('/healthz'), { status: 200, body: { ok: true } })
})

await t.test('what is not ready is 503, what is broken 500, each with its sentence', async t => {
  t.strictSame(await get('/v1/late'), {
    status: 503,
    body: { error: 'The plugin cannot answer yet' },
  })
  t.strictSame(await get('/v1/broken'), { status: 500, body: { error: 'no such thing' } })
  t.strictSame(await get('/v1/careless'), { status: 500, body: { error: 'a text' } })
})

await t.test('anything else is not found, and tells what there is', async t => {
  const error = 'There is no GET /v1; there are /healthz, /v1/late, /v1/broken, /v1/careless'
  t.strictSame(await get('/v1'), { status: 404, body: { error } })
  t.match(await get('/healthz', 'POST'), { status: 404, body: { error: /no POST \/healthz/ } })
})

async function get(path: string, method = 'GET') {
  const sent = request({ socketPath: SOCKET, path, method, agent: false }).end()
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: answer.statusCode, body: JSON.parse(await text(answer)) as unknown }
}
