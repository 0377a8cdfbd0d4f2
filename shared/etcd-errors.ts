/**
 * What an error says of the request that met it:
 *
 * * `away`: surely not carried out; another endpoint may do it, now or later.
 * * `unknown`: it may have been carried out, or may still be. Also whatever nobody knows.
 * * `token`: surely not carried out, since etcd does not know the token (any more).
 * * `wrong`: surely not carried out, and asking again changes nothing; somebody must mend something.
 */
export type Verdict = 'away' | 'unknown' | 'token' | 'wrong'

/** A call to one endpoint that failed. The message has no endpoint: whoever catches it knows which. */
export class EtcdFault extends Error {
  override readonly name = 'EtcdFault'
  readonly verdict: Verdict
  /** The connection is doubtful: nobody answered, or it broke. */
  readonly unanswered: boolean

  constructor(verdict: Verdict, message: string, unanswered: boolean, cause?: unknown) {
    super(message, { cause })
    this.verdict = verdict
    this.unanswered = unanswered
  }
}

/** Numbers from https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const UNIMPLEMENTED = 12

type Row = {
  readonly verdict: Verdict
  readonly details: RegExp
  readonly advice?: string
}

/**
 * Read from etcd 3.4 to 3.6 (interceptor, v3_server, apply) and grpc-js 1.14. The code tells too little: UNAVAILABLE
 * comes before and after sending, and etcd sends some of these as UNKNOWN. So the first row whose text is found decides,
 * and a text that is not here is unknown.
 */
const ROWS: readonly Row[] = [
  // The client had no connection, or no stream: not one byte of the request left.
  { verdict: 'away', details: /^No connection established/ },
  { verdict: 'away', details: /^Name resolution failed/ },
  { verdict: 'away', details: /^Channel closed before call started/ },
  { verdict: 'away', details: /^Failed to start HTTP\/2 stream/ },
  {
    verdict: 'away',
    details: /^Deadline exceeded .*(Waiting for LB pick|waiting for name resolution)/,
  },
  { verdict: 'away', details: /Channel has been shut down$/ },
  // HTTP/2 promises that a refused stream was not processed.
  { verdict: 'away', details: /^Stream refused by server/ },

  // Decided before anything is proposed.
  { verdict: 'away', details: /^etcdserver: no leader/ },
  { verdict: 'away', details: /^raft proposal dropped/ },
  { verdict: 'away', details: /^etcdserver: too many requests/ },
  { verdict: 'away', details: /^etcdserver: not capable/ },
  { verdict: 'away', details: /^etcdserver: rpc not supported for learner/ },

  { verdict: 'token', details: /invalid auth token/ },
  { verdict: 'token', details: /revision of auth store is old|revision in header is old/ },
  {
    verdict: 'token',
    details: /user name is empty/,
    advice: 'etcd wants a user: check ETCD_USERNAME and ETCD_PASSWORD',
  },

  {
    verdict: 'wrong',
    details: /^etcdserver: authentication failed/,
    advice: 'check ETCD_USERNAME and ETCD_PASSWORD',
  },
  {
    verdict: 'wrong',
    details: /^etcdserver: permission denied/,
    advice: 'give the role of ETCD_USERNAME readwrite permission for all keys below ETCD_PREFIX',
  },
  { verdict: 'wrong', details: /^etcdserver: request is too large/ },
  { verdict: 'wrong', details: /^etcdserver: too many operations in txn request/ },
  { verdict: 'wrong', details: /^etcdserver: duplicate key given in txn request/ },
  { verdict: 'wrong', details: /^etcdserver: key is not provided/ },

  // Applied, and this is said all the same, where the transaction was the one that filled the database.
  {
    verdict: 'unknown',
    details: /^etcdserver: mvcc: database space exceeded/,
    advice: 'compact and defragment etcd, raise its quota, then disarm its alarm NOSPACE',
  },
]

/** What grpc-js calls back with; anything else that is thrown is unknown. */
type GrpcError = { readonly code?: unknown; readonly details?: unknown }

export function judge(error: unknown): EtcdFault {
  const { code, details } = (error ?? {}) as GrpcError
  const text = typeof details === 'string' && details !== '' ? details : String(error)
  if (code === UNIMPLEMENTED)
    return new EtcdFault('wrong', `It does not speak etcd's v3 API: ${text}`, false, error)
  const row = ROWS.find(row => row.details.test(text))
  const answered = /^(etcdserver|auth|raft proposal)\b/.test(text)
  return new EtcdFault(
    row?.verdict ?? 'unknown',
    [plain(text), row?.advice ?? adviceOnTls(text)].filter(part => part !== undefined).join('; '),
    !answered,
    error,
  )
}

/** Without what only developers of gRPC can use. */
function plain(text: string): string {
  return text
    .replace(/^No connection established\. Last error: (?:Error(?: \[\w+\])?: )?/, '')
    .replace(/\.? ?Resolution note:.*$/s, '')
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/, '')
    .replace(/^[\dA-F]+:error:[^:]*:SSL routines:[^:]*:([^:]+):.*$/s, '$1')
    .replace(/^Deadline exceeded after ([\d.]+)s.*$/s, 'No answer within $1 s')
    .trim()
}

function adviceOnTls(text: string): string | undefined {
  if (/certificate required|alert bad certificate|alert number (42|116)/i.test(text))
    return 'etcd wants a client certificate that its CA signed: check ETCD_CERT and ETCD_KEY'
  if (/altname|does not match certificate/i.test(text))
    return 'name it in ETCD_ENDPOINTS as its certificate does'
  if (/certificate|self.signed|issuer/i.test(text)) return 'check ETCD_CA'
  if (/wrong version number|packet length too long|before secure TLS connection/i.test(text))
    return 'it may not speak TLS: check ETCD_ENDPOINTS, http or https'
  if (/Last error: Failed to connect/.test(text))
    return 'it may want TLS: check ETCD_ENDPOINTS, http or https'
  return undefined
}
