import { hostname } from 'node:os'
import t from 'tap'
import { parseSubnet } from '../../ipam-plugin/addresses.ts'
import { SETTINGS, readIpamSettings } from '../../ipam-plugin/settings.ts'

await t.test('with nothing set there is a plugin for one host', t => {
  t.strictSame(readIpamSettings({}), {
    HOST_NAME: hostname(),
    LOG_LEVEL: 'info',
    DEFAULT_POOLS: [],
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
    DATA_DIR: '/data',
    PLUGIN_SOCKET: '/run/p.sock',
  }
  t.strictSame(readIpamSettings(environment), {
    ...environment,
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
    ETCD_ENDPOINTS: 'https://192.0.2.1:2379',
    ETCD_PASSWORD: 'hunter2',
  }
  t.throws(() => readIpamSettings(environment), {
    name: 'BadSettings',
    message: [
      'LOG_LEVEL="loud": Must be one of trace, debug, info, warn, error, fatal, silent',
      'DEFAULT_POOLS="10.200.0.0/16": "10.200.0.0/16" is not a base and a size such as 10.200.0.0/16,24',
      'DATA_DIR="data": Must be an absolute path',
      'PLUGIN_SOCKET="./p.sock": Must be an absolute path',
      'ETCD_ENDPOINTS: this version keeps addresses on a single host and knows no etcd; leave it empty',
      'ETCD_PASSWORD: this version keeps addresses on a single host and knows no etcd; leave it empty',
    ].join('\n'),
  })
  t.end()
})

await t.test('every setting of etcd is refused in this version, and may be empty', t => {
  for (const name of ['ENDPOINTS', 'CA', 'CERT', 'KEY', 'USERNAME', 'PASSWORD', 'PREFIX']) {
    t.throws(() => readIpamSettings({ [`ETCD_${name}`]: 'x' }), {
      message: new RegExp(`^ETCD_${name}: .* knows no etcd; leave it empty$`),
    })
    t.doesNotThrow(() => readIpamSettings({ [`ETCD_${name}`]: '' }))
  }
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
