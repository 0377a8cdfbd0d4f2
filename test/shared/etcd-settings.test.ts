import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ETCD_SETTINGS, etcdOptions } from '../../shared/etcd-settings.ts'
import { BadSettings, readSettings } from '../../shared/settings.ts'
import type { Environment } from '../../shared/settings.ts'
import { makeCertificates } from '../etcd/certificates.ts'

const folder = t.testdir({ other: {} })
const { ca, cert, key, files } = await makeCertificates(folder)
const other = await makeCertificates(join(folder, 'other'))

const read = (environment: Environment) => etcdOptions(readSettings(ETCD_SETTINGS, environment))
const HTTPS = { ETCD_ENDPOINTS: 'https://etcd1:2379' }
const HTTP = { ETCD_ENDPOINTS: 'http://etcd1:2379' }

await t.test('without endpoints there is no etcd', t => {
  t.equal(read({}), undefined)
  t.equal(read({ ETCD_ENDPOINTS: '', ETCD_PREFIX: '' }), undefined)
  t.equal(read({ ETCD_ENDPOINTS: ' , ' }), undefined)
  t.end()
})

await t.test('endpoints are separated by commas or blanks, and each is taken once', t => {
  const ETCD_ENDPOINTS =
    ' http://10.0.0.1:2379,http://Etcd-2.example:2379/  http://[2001:db8::1]:2379,http://10.0.0.1:2379'
  t.strictSame(read({ ETCD_ENDPOINTS }), {
    endpoints: ['http://10.0.0.1:2379', 'http://etcd-2.example:2379', 'http://[2001:db8::1]:2379'],
    prefix: '/berth',
    ca: undefined,
    cert: undefined,
    key: undefined,
    username: undefined,
    password: undefined,
  })
  t.end()
})

await t.test('certificates and the key are paths or texts', t => {
  const user = { ETCD_USERNAME: 'u', ETCD_PASSWORD: 'p', ETCD_PREFIX: '/site-1/berth' }
  const expected = { ca, cert, key, username: 'u', password: 'p', prefix: '/site-1/berth' }
  const paths = { ETCD_CA: files.ca, ETCD_CERT: files.cert, ETCD_KEY: files.key }
  t.match(read({ ...HTTPS, ...user, ...paths }), expected)
  const texts = { ETCD_CA: ca, ETCD_CERT: cert, ETCD_KEY: key }
  t.match(read({ ...HTTPS, ...user, ...texts }), expected)
  const oneLine = { ...texts, ETCD_CA: ca.replaceAll('\n', String.raw`\n`) }
  t.match(read({ ...HTTPS, ...user, ...oneLine }), expected, 'line ends may be written as \\n')
  t.end()
})

await t.test('a value that cannot be read says what was wanted', t => {
  for (const [environment, message] of [
    [{ ETCD_ENDPOINTS: 'etcd1:2379' }, 'ETCD_ENDPOINTS: "etcd1:2379" is not an endpoint'],
    [{ ETCD_ENDPOINTS: 'http://etcd1' }, '"http://etcd1" is not an endpoint such as'],
    [{ ETCD_ENDPOINTS: 'http://etcd1:99999' }, 'is not an endpoint'],
    [{ ETCD_ENDPOINTS: 'http://etcd1:2379/v3' }, 'is not an endpoint'],
    [{ ...HTTP, ETCD_PREFIX: 'berth' }, 'ETCD_PREFIX="berth": Must be a path such as /berth'],
    [{ ...HTTP, ETCD_PREFIX: '/' }, 'Must be a path'],
    [{ ...HTTP, ETCD_PREFIX: '/berth/' }, 'Must be a path'],
    [{ ...HTTPS, ETCD_CA: '/no/ca.pem' }, 'ETCD_CA: Cannot read /no/ca.pem (ENOENT): a managed'],
    [{ ...HTTPS, ETCD_CA: 'ca.pem' }, 'Must be the absolute path of a certificate in PEM form'],
    [{ ...HTTPS, ETCD_KEY: cert }, 'ETCD_KEY: Must be the absolute path of a private key'],
  ] as const) {
    const given = environment as Environment
    t.throws(() => read(given), BadSettings)
    t.throws(() => read(given), { message: new RegExp(escaped(message)) })
  }
  t.end()
})

await t.test('settings that contradict each other are told all at once', t => {
  for (const [environment, faults] of [
    [{ ETCD_ENDPOINTS: 'http://a:1,https://b:1' }, ['ETCD_ENDPOINTS']],
    [{ ...HTTP, ETCD_CA: ca, ETCD_CERT: cert }, ['ETCD_CA', 'ETCD_CERT', 'ETCD_CERT']],
    [{ ...HTTPS, ETCD_CERT: cert, ETCD_USERNAME: 'u' }, ['ETCD_CERT', 'ETCD_USERNAME']],
    [{ ...HTTPS, ETCD_KEY: key, ETCD_PASSWORD: 'p' }, ['ETCD_KEY', 'ETCD_PASSWORD']],
    [{ ...HTTPS, ETCD_CERT: cert, ETCD_KEY: other.key }, ['ETCD_KEY']],
    [
      { ETCD_CA: ca, ETCD_PREFIX: '/b', ETCD_PASSWORD: 'p' },
      ['ETCD_CA', 'ETCD_PASSWORD', 'ETCD_PREFIX'],
    ],
  ] as const) {
    t.strictSame(faultsOf(environment), faults)
  }
  t.end()
})

await t.test('no fault shows a secret', t => {
  const secret = 'hunter2'
  writeFileSync(join(folder, 'bad.pem'), secret)
  for (const environment of [
    { ETCD_ENDPOINTS: `http://user:${secret}@etcd1:2379` },
    { ...HTTPS, ETCD_KEY: secret, ETCD_CERT: secret, ETCD_CA: secret, ETCD_PREFIX: '?' },
    { ...HTTPS, ETCD_KEY: join(folder, 'bad.pem') },
    { ...HTTPS, ETCD_PASSWORD: secret },
    { ETCD_PASSWORD: secret },
  ]) {
    t.throws(() => read(environment), BadSettings)
    t.throws(() => read(environment), { message: new RegExp(`^((?!${secret}).)*$`, 's') })
  }
  t.end()
})

function faultsOf(environment: Environment): string[] {
  try {
    read(environment)
    return []
  } catch (error) {
    return (error as Error).message.split('\n').map(line => line.slice(0, line.indexOf(':')))
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
