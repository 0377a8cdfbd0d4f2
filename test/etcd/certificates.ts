import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const OPENSSL = '/usr/bin/openssl'
const DEADLINE_MS = 30_000

const run = promisify(execFile)

export type Certificates = {
  /** PEM, of a client. */
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly files: {
    readonly ca: string
    readonly cert: string
    readonly key: string
    readonly serverCert: string
    readonly serverKey: string
  }
}

/** A new authority, with a certificate for servers on 127.0.0.1 and one for clients. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const file = (name: string) => join(folder, name)
  const openssl = async (...args: readonly string[]) =>
    await run(OPENSSL, args, { timeout: DEADLINE_MS, env: { LC_ALL: 'C' }, cwd: folder })
  const newKey = ['-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const authority = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial']
  const to = (name: string, kind: 'pem' | 'csr') => [
    '-out',
    file(`${name}.${kind}`),
    ...(kind === 'csr' || name === 'ca' ? ['-keyout', file(`${name}.key`)] : []),
  ]

  await openssl('req', '-x509', ...newKey, '-subj', '/CN=test-ca', ...to('ca', 'pem'))
  const issue = async (name: string, extensions: string) => {
    const [request, wanted] = [file(`${name}.csr`), file(`${name}.ext`)]
    await writeFile(wanted, extensions)
    await openssl('req', ...newKey, '-subj', `/CN=${name}`, ...to(name, 'csr'))
    await openssl(
      'x509',
      '-req',
      ...authority,
      '-in',
      request,
      '-extfile',
      wanted,
      ...to(name, 'pem'),
    )
  }
  // etcd's gateway is a client of its own server, with the server's certificate.
  await issue(
    'server',
    'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n',
  )
  await issue('client', 'extendedKeyUsage=clientAuth\n')

  const files = {
    ca: file('ca.pem'),
    cert: file('client.pem'),
    key: file('client.key'),
    serverCert: file('server.pem'),
    serverKey: file('server.key'),
  }
  const [ca, cert, key] = await Promise.all(
    [files.ca, files.cert, files.key].map(async path => await readFile(path, 'utf8')),
  )
  if (ca === undefined || cert === undefined || key === undefined)
    throw new Error('The certificates could not be read')
  return { ca, cert, key, files }
}
