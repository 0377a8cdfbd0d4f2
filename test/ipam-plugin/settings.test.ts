import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parseSubnet } from '../../ipam-plugin/addresses.ts'
import { SETTINGS, readIpamSettings } from '../../ipam-plugin/settings.ts'
import { makeCertificates } from '../etcd/certificates.ts'

const { ca, cert, key } = await makeCertificates(t.testdir())

await t.test('with nothing set there is a plugin for one host', t => {
  t.strictSame(readIpamSettings({}), {
    HOST_NAME: hostname(),
    LOG_LEVEL: 'info',
    DEFAULT_POOLS: [],
    ETCD_ENDPOINTS: [],
    ETCD_CA: undefined,
    ETCD_CERT: undefined,
    ETCD_KEY: undefined,
    ETCD_USERNAME: undefined,
    ETCD_PASSWORD: undefined,
    ETCD_PREFIX: '/berth',
    DATA_DIR: '/var/lib',
    PLUGIN_SOCKET: '/run/docker/plugins/berth-ipam.sock',
  })
  t.end()
})

await t.test('each setting is read', t => {
  const environment = {
    HOST_NAME: 'rack1-07',
    LOG_LEVEL: 'silent',
    DEFAULT_POOLS: ' 10.200.0.0/16,24  2001:db8::/48,64 192.0.2.0/24,24 ',
    ETCD_ENDPOINTS: 'https://192.0.2.1:2379, https://192.0.2.2:2379',
    ETCD_CA: ca,
    ETCD_CERT: cert,
    ETCD_KEY: key,
    ETCD_USERNAME: 'berth',
    ETCD_PASSWORD: 'hunter2',
    ETCD_PREFIX: '/site-1/berth',
    DATA_DIR: t.testdir(),
    PLUGIN_SOCKET: '/run/p.sock',
  }
  t.strictSame(readIpamSettings(environment), {
    ...environment,
    ETCD_ENDPOINTS: ['https://192.0.2.1:2379', 'https://192.0.2.2:2379'],
    DEFAULT_POOLS: [
      { base: parseSubnet('10.200.0.0/16'), length: 24 },
      { base: parseSubnet('2001:db8::/48'), length: 64 },
      { base: parseSubnet('192.0.2.0/24'), length: 24 },
    ],
  })
  t.strictSame(Object.keys(SETTINGS).toSorted(), Object.keys(environment).toSorted())
  t.end()
})

await t.test('all faults are told at once', t => {
  const environment = {
    LOG_LEVEL: 'loud',
    DEFAULT_POOLS: '10.200.0.0/16',
    DATA_DIR: 'data',
    PLUGIN_SOCKET: './p.sock',
    ETCD_ENDPOINTS: 'https://berth:hunter2@192.0.2.1',
    ETCD_KEY: 'hunter2',
    ETCD_PREFIX: 'berth',
  }
  t.throws(() => readIpamSettings(environment), {
    name: 'BadSettings',
    message: [
      'LOG_LEVEL="loud": Must be one of trace, debug, info, warn, error, fatal, silent',
      'DEFAULT_POOLS="10.200.0.0/16": "10.200.0.0/16" is not a base and a size such as 10.200.0.0/16,24',
      'ETCD_ENDPOINTS: "https://…@192.0.2.1" is not an endpoint such as http://10.0.0.1:2379 or https://etcd1.example:2379',
      'ETCD_KEY: Must be the absolute path of a private key without a passphrase in PEM form, or its text',
      'ETCD_PREFIX="berth": Must be a path such as /berth',
      'DATA_DIR="data": Must be an absolute path, without ".", ".." and empty names',
      'PLUGIN_SOCKET="./p.sock": Must be an absolute path, without ".", ".." and empty names',
    ].join('\n'),
  })
  t.end()
})

await t.test('where etcd is may stand in the state directory instead, and nothing else', t => {
  const DATA_DIR = t.testdir({ berth: {} })
  const file = join(DATA_DIR, 'berth', 'settings.env')
  const text = 'ETCD_ENDPOINTS=http://192.0.2.1:2379\nETCD_PASSWORD=hunter2\n'
  writeFileSync(file, text, { mode: 0o600 })
  t.match(readIpamSettings({ DATA_DIR }), {
    ETCD_ENDPOINTS: ['http://192.0.2.1:2379'],
    ETCD_PASSWORD: 'hunter2',
  })
  t.throws(() => readIpamSettings({ DATA_DIR, ETCD_ENDPOINTS: 'http://192.0.2.2:2379' }), {
    name: 'BadSettings',
    message: /ETCD_ENDPOINTS is set in the environment as well, to another value/,
  })
  writeFileSync(file, 'LOG_LEVEL=debug\n')
  t.throws(() => readIpamSettings({ DATA_DIR }), { message: /"LOG_LEVEL" cannot stand here/ })
  t.end()
})

await t.test('default pools that cannot be cut are refused with what is wrong', t => {
  for (const [given, why] of [
    ['10.200.0.0/16,x', /"10.200.0.0\/16,x" is not a base and a size/],
    ['10.200.0.0/16,24,25', /is not a base and a size/],
    ['10.200.0.0/16, 24', /"10.200.0.0\/16," is not a base and a size/],
    ['10.200.0.1/16,24', /has host bits set; the network is 10.200.0.0\/16/],
    ['10.200.0.0/16,15', /the size must be from 16 to 32/],
    ['10.200.0.0/16,33', /the size must be from 16 to 32/],
    ['2001:db8::/48,129', /the size must be from 48 to 128/],
    ['10.200.0.0/16,24 rack', /"rack" is not a base and a size/],
  ] as const) {
    t.throws(() => readIpamSettings({ DEFAULT_POOLS: given }), { message: why })
  }
  t.end()
})
