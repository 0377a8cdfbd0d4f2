import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { DropConnection } from '../../shared/plugin-server.ts'
import type { Call, Methods } from '../../shared/plugin-server.ts'
import { Refusal } from '../../shared/refusal.ts'
import { servedPlugin } from './plugin-world.ts'

t.chdir(t.testdir({}))

const echo: Methods = { Echo: body => ({ got: body ?? 'nothing' }) }

await t.test('a method gets the JSON body and its result is the answer', async t => {
  const { connect } = await servedPlugin(t, echo)
  const answer = await (await connect()).post('Echo', '{"Pool":"ä","Options":null}')
  t.match(answer, { status: 200, body: { got: { Pool: 'ä', Options: null } } })
  t.match(answer.head, /^content-type: application\/json/im)
})

await t.test('the body is read as JSON whatever Content-Type stands above it, or none', async t => {
  const { connect } = await servedPlugin(t, echo)
  const connection = await connect()
  for (const type of [
    undefined,
    'application/json',
    'application/vnd.docker.plugins.v1.2+json',
    'text/plain; charset=utf-8',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'nonsense',
  ]) {
    const headers = type === undefined ? [] : [`Content-Type: ${type}`]
    t.match(
      await connection.post('Echo', '{"a":1}', headers),
      { body: { got: { a: 1 } } },
      String(type),
    )
  }
})

await t.test('a body that comes in chunks is read whole', async t => {
  const { connect } = await servedPlugin(t, echo)
  const connection = await connect()
  connection.send('Echo', undefined, ['Transfer-Encoding: chunked'])
  connection.socket.write('4\r\n{"a"\r\n')
  await sleep(20)
  connection.socket.write('3\r\n:1}\r\n0\r\n\r\n')
  t.match(await connection.answer(), { status: 200, body: { got: { a: 1 } } })
})

await t.test('a bodiless method is called with nothing when nothing came', async t => {
  const { connect } = await servedPlugin(t, echo, { bodiless: ['Echo'] })
  const connection = await connect()
  t.match(await connection.post('Echo'), { status: 200, body: { got: 'nothing' } })
  t.match(await connection.post('Echo', ''), { status: 200, body: { got: 'nothing' } })
  t.match(await connection.post('Echo', '{"a":1}'), { body: { got: { a: 1 } } })
})

await t.test('for any other method an empty body is a retry that lost its body', async t => {
  const { connect, lines } = await servedPlugin(t, echo)
  const connection = await connect()
  const lost = { status: 500, body: { Err: /Cannot read the request to Echo: .* lost its body/ } }
  t.match(await connection.post('Echo'), lost)
  t.match(await connection.post('Echo', ''), lost)
  t.match(lines, [{ method: 'Echo', outcome: 'bad-request' }, { method: 'Echo' }])
})

await t.test('malformed JSON is refused, and the next request is served', async t => {
  const { connect } = await servedPlugin(t, echo)
  const connection = await connect()
  for (const body of ['{', '{"a":1}}', "{'a':1}", '\0', 'nonsense', '[1,']) {
    const answer = await connection.post('Echo', body)
    t.match(
      answer,
      { status: 500, body: { Err: /^Cannot read the request to Echo: / } },
      JSON.stringify(body),
    )
  }
  t.match(await connection.post('Echo', '7'), { status: 200, body: { got: 7 } })
})

await t.test(
  'where an error would be believed, an unreadable body gets no answer at all',
  async t => {
    const { connect, lines } = await servedPlugin(t, echo, { unreadable: 'drop' })
    for (const body of [undefined, '', '{']) {
      const connection = await connect()
      await t.rejects(connection.post('Echo', body), /closed without an answer/)
    }
    t.match(await (await connect()).post('Echo', '{}'), { status: 200 })
    t.match(lines[0], { method: 'Echo', outcome: 'failed', err: { type: 'DropConnection' } })
  },
)

await t.test('a body over the limit is an error, not a crash', async t => {
  const { connect } = await servedPlugin(t, echo)
  const connection = await connect()
  const fits = JSON.stringify('x'.repeat(1024 * 1024 - 2))
  t.match(await connection.post('Echo', fits), { status: 200 })
  const answer = await connection.post('Echo', `${fits} `)
  t.match(answer, { status: 400, body: { Err: /too large/ } })
  t.match(await (await connect()).post('Echo', '1'), { status: 200 })
})

await t.test('a method that is not in the table is refused by name', async t => {
  const { connect } = await servedPlugin(t, echo)
  const connection = await connect()
  for (const name of [
    'Nothing',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'echo',
  ]) {
    const answer = await connection.post(name, '{}')
    t.strictSame(answer.body, { Err: `There is no method "${name}" here` })
    t.equal(answer.status, 500)
  }
})

await t.test('other paths and verbs are not found, in the same form', async t => {
  const { connect } = await servedPlugin(t, echo)
  const connection = await connect()
  t.match(await connection.post('a/b', '{}'), { status: 404, body: { Err: /POST \/a\/b/ } })
  connection.socket.write('GET /Echo HTTP/1.1\r\nHost: plugin\r\n\r\n')
  t.match(await connection.answer(), { status: 404, body: { Err: /GET \/Echo/ } })
  t.match(await connection.post('%E0%A4%A', '{}'), { status: 400, body: { Err: /Cannot read/ } })
})

await t.test('a refusal is status 500 with its sentence, logged with its code', async t => {
  const { connect, lines } = await servedPlugin(t, {
    Refuse: async () => {
      throw new Refusal('pool-full', 'No address is free in 192.0.2.0/29')
    },
  })
  t.match(await (await connect()).post('Refuse', '{}'), {
    status: 500,
    body: { Err: 'No address is free in 192.0.2.0/29' },
  })
  t.match(lines, [{ level: 40, outcome: 'pool-full', why: 'No address is free in 192.0.2.0/29' }])
})

await t.test('a bug is answered too, and logged with its stack', async t => {
  const { connect, lines } = await servedPlugin(t, {
    Throw: () => {
      throw new TypeError('no such thing')
    },
    ThrowText: () => {
      // oxlint-disable-next-line typescript/only-throw-error -- what a careless dependency may do
      throw 'a text'
    },
    Unsendable: () => ({ value: 1n }),
  })
  const connection = await connect()
  t.match(await connection.post('Throw', '{}'), { status: 500, body: { Err: 'no such thing' } })
  t.match(await connection.post('ThrowText', '{}'), { status: 500, body: { Err: 'a text' } })
  t.match(await connection.post('Unsendable', '{}'), { status: 500, body: { Err: /BigInt/ } })
  t.match(lines[0], { level: 50, outcome: 'failed', err: { type: 'TypeError', stack: /at Throw/ } })
  t.equal(lines.length, 3)
})

await t.test('a method that cannot know drops the connection without a byte', async t => {
  const { connect, lines } = await servedPlugin(t, {
    Get: () => {
      throw new DropConnection('the store is away')
    },
  })
  await t.rejects((await connect()).post('Get', '{}'), /closed without an answer/)
  t.match(lines, [{ level: 50, outcome: 'failed', err: { message: 'the store is away' } }])
})

await t.test('each request leaves one line, with what its method noted', async t => {
  const { connect, lines } = await servedPlugin(t, {
    Note: (_body, call) => {
      call.note({ pool: 'p' })
      call.note({ address: 'a' })
      return {}
    },
  })
  const connection = await connect()
  await connection.post('Note', '{}')
  await connection.post('Note', '{}')
  t.equal(lines.length, 2)
  t.match(lines[0], { level: 30, method: 'Note', pool: 'p', address: 'a', outcome: 'ok' })
  t.equal(typeof lines[0]?.['ms'], 'number')
})

await t.test('a request that never came to a method leaves its line too', async t => {
  const { connect, lines } = await servedPlugin(t, echo)
  const connection = await connect()
  await connection.post('a/b', '{}')
  await connection.post('Echo', 'x'.repeat(1024 * 1024 + 1))
  t.equal(lines.length, 2, 'a line each')
})

await t.test('a slow answer is awaited, and other connections are served meanwhile', async t => {
  const gate = Promise.withResolvers<object>()
  const { connect } = await servedPlugin(t, { ...echo, Slow: () => gate.promise })
  const slow = await connect()
  slow.send('Slow', '{}')
  t.match(await (await connect()).post('Echo', '1'), { body: { got: 1 } })
  gate.resolve({ done: true })
  t.match(await slow.answer(), { status: 200, body: { done: true } })
})

await t.test('caller is aborted when the client hangs up before its answer', async t => {
  const called = Promise.withResolvers<Call>()
  const { connect, lines } = await servedPlugin(t, {
    Wait: async (_body, call) => {
      called.resolve(call)
      await once(call.caller, 'abort')
      return {}
    },
  })
  const connection = await connect()
  connection.send('Wait', '{}')
  const { caller } = await called.promise
  t.notOk(caller.aborted)
  connection.end()
  await once(caller, 'abort')
  await sleep(20)
  t.match(lines, [{ method: 'Wait' }], 'and the request is logged all the same')
})

await t.test('a client that leaves in the middle of its body harms nobody', async t => {
  const { connect } = await servedPlugin(t, echo)
  const connection = await connect()
  connection.socket.write('POST /Echo HTTP/1.1\r\nHost: plugin\r\nContent-Length: 9\r\n\r\n{"a"')
  await sleep(20)
  connection.end()
  t.match(await (await connect()).post('Echo', '1'), { status: 200 })
})

await t.test('twenty requests at once on connections of their own are all answered', async t => {
  const { connect, lines } = await servedPlugin(t, echo)
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => (await connect()).post('Echo', String(i))),
  )
  t.strictSame(
    answers.map(({ body }) => body),
    Array.from({ length: 20 }, (_, i) => ({ got: i })),
  )
  t.equal(lines.length, 20)
})
