import t from 'tap'
import { EtcdFault, judge } from '../../shared/etcd-errors.ts'

const verdictOf = (details: string, code = 14) => judge({ code, details }).verdict

await t.test('what never left, or was refused before it was proposed, is surely not written', t => {
  for (const details of [
    'No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1 (2026-11-20T16:00:00.000Z). Resolution note: ',
    'Name resolution failed for target dns:nowhere:2379',
    'Channel closed before call started',
    'Deadline exceeded after 1.001s,name resolution: 0.002s,Waiting for LB pick',
    'Deadline exceeded after 1.001s,waiting for name resolution',
    'Stream refused by server',
    'etcdserver: no leader',
    'raft proposal dropped',
    'etcdserver: too many requests',
    'etcdserver: not capable',
    'etcdserver: rpc not supported for learner',
  ]) {
    t.equal(verdictOf(details), 'away', details)
  }
  t.equal(
    verdictOf('Failed to start HTTP/2 stream with error The session was destroyed', 13),
    'away',
  )
  t.equal(judge(new Error('Channel has been shut down')).verdict, 'away')
  t.end()
})

await t.test('what was sent and not answered, or that nobody knows, is unknown', t => {
  for (const details of [
    'Connection dropped',
    'read ECONNRESET',
    'Deadline exceeded after 1.000s,LB pick: 0.001s,remote_addr=127.0.0.1:2379',
    'etcdserver: request timed out',
    'etcdserver: request timed out, possibly due to previous leader failure',
    'etcdserver: request timed out, possibly due to connection lost',
    'etcdserver: leader changed',
    'etcdserver: server stopped',
    'etcdserver: unhealthy cluster',
    'etcdserver: corrupt cluster',
    'Received HTTP status code 504',
    'Received RST_STREAM with code 2',
    'Bandwidth exhausted or memory limit exceeded',
    'a text of a later version',
    '',
  ]) {
    t.equal(verdictOf(details), 'unknown', details)
  }
  t.equal(judge(new TypeError('a bug')).verdict, 'unknown')
  t.equal(judge(undefined).verdict, 'unknown')
  t.end()
})

await t.test('a full database is unknown: etcd applies the transaction that fills it', t => {
  const fault = judge({ code: 8, details: 'etcdserver: mvcc: database space exceeded' })
  t.match(fault, { verdict: 'unknown', message: /disarm its alarm NOSPACE/ })
  t.end()
})

await t.test('a token that etcd does not know (any more) is told apart', t => {
  t.equal(verdictOf('etcdserver: invalid auth token', 16), 'token')
  t.equal(verdictOf('etcdserver: revision of auth store is old', 3), 'token')
  t.equal(verdictOf('auth: revision in header is old', 2), 'token')
  t.match(judge({ code: 3, details: 'etcdserver: user name is empty' }), {
    verdict: 'token',
    message: /check ETCD_USERNAME and ETCD_PASSWORD/,
  })
  t.end()
})

await t.test('what only somebody can mend says how', t => {
  for (const [code, details, message] of [
    [7, 'etcdserver: permission denied', /readwrite permission .* below ETCD_PREFIX/],
    [3, 'etcdserver: authentication failed, invalid user ID or password', /ETCD_PASSWORD/],
    [3, 'etcdserver: request is too large', /too large/],
    [3, 'etcdserver: duplicate key given in txn request', /duplicate key/],
    [12, 'Received HTTP status code 404', /does not speak etcd's v3 API/],
  ] as const) {
    t.match(judge({ code, details }), { verdict: 'wrong', message }, details)
  }
  t.end()
})

await t.test('a message says what people can use', t => {
  const refused = (reason: string) =>
    judge({
      code: 14,
      details: `No connection established. Last error: ${reason} (2026-11-20T16:00:00.000Z). Resolution note: `,
    }).message
  t.equal(refused('connect ECONNREFUSED 127.0.0.1:1'), 'connect ECONNREFUSED 127.0.0.1:1')
  t.equal(refused('Error: self-signed certificate'), 'self-signed certificate; check ETCD_CA')
  t.match(
    refused(
      "Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's altnames: IP: 10.0.0.1 is not in the list",
    ),
    /^Hostname.*; name it in ETCD_ENDPOINTS as its certificate does$/,
  )
  t.match(refused('tlsv13 alert certificate required'), /check ETCD_CERT and ETCD_KEY$/)
  t.match(
    refused(
      '401D2E7:error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:../deps/a.c:918:SSL alert number 42',
    ),
    /^ssl\/tls alert bad certificate; etcd wants a client certificate/,
  )
  t.match(refused('ssl3_get_record:wrong version number'), /http or https$/)
  t.equal(
    judge({ code: 4, details: 'Deadline exceeded after 0.500s,LB pick: 0.1s' }).message,
    'No answer within 0.500 s',
  )
  t.end()
})

await t.test('a connection is doubtful unless etcd itself answered', t => {
  t.equal(judge({ code: 14, details: 'etcdserver: no leader' }).unanswered, false)
  t.equal(judge({ code: 14, details: 'Connection dropped' }).unanswered, true)
  const cause = { code: 14, details: 'Connection dropped' }
  t.ok(judge(cause) instanceof EtcdFault)
  t.equal(judge(cause).cause, cause)
  t.end()
})
