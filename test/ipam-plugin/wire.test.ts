import t from 'tap'
import {
  readReleaseAddress,
  readReleasePool,
  readRequestAddress,
  readRequestPool,
} from '../../ipam-plugin/wire.ts'

const request = {
  AddressSpace: 'berth',
  Pool: '192.0.2.0/29',
  SubPool: '',
  Options: { a: 'b' },
  V6: false,
}

await t.test('requests are read as the engine sends them', t => {
  t.strictSame(readRequestPool(request), request)
  t.strictSame(readRequestAddress({ PoolID: 'p', Address: '', Options: {} }), {
    PoolID: 'p',
    Address: '',
    Options: {},
  })
  t.strictSame(readReleasePool({ PoolID: 'p' }), { PoolID: 'p' })
  t.strictSame(readReleaseAddress({ PoolID: 'p', Address: '192.0.2.1' }), {
    PoolID: 'p',
    Address: '192.0.2.1',
  })
  t.end()
})

await t.test('options may be null or missing: then there are none', t => {
  t.match(readRequestPool({ ...request, Options: null }), { Options: {} })
  const { Options: _options, ...without } = request
  t.match(readRequestPool(without), { Options: {} })
  t.strictSame(readRequestAddress({ PoolID: 'p', Address: '', Options: null }).Options, {})
  t.end()
})

await t.test('fields that are not known are the business of the engine', t => {
  t.strictSame(readReleasePool({ PoolID: 'p', Later: { a: [1] } }), { PoolID: 'p' })
  t.end()
})

await t.test('anything else is refused, naming the request and what is wrong with it', t => {
  for (const [read, name, bodies] of [
    [
      readRequestPool,
      'RequestPool',
      [
        undefined,
        null,
        [],
        'text',
        7,
        {},
        { ...request, V6: 'true' },
        { ...request, Pool: 7 },
        { ...request, Options: { a: 1 } },
        { ...request, Options: [] },
      ],
    ],
    [readReleasePool, 'ReleasePool', [undefined, {}, { PoolID: null }]],
    [
      readRequestAddress,
      'RequestAddress',
      [undefined, { PoolID: 'p' }, { PoolID: 'p', Address: null }],
    ],
    [readReleaseAddress, 'ReleaseAddress', [undefined, { Address: '192.0.2.1' }]],
  ] as const) {
    for (const body of bodies) {
      t.throws(
        () => read(body),
        {
          name: 'Refusal',
          code: 'bad-request',
          message: new RegExp(`^Cannot read the request ${name}: .+`),
        },
        JSON.stringify(body),
      )
    }
  }
  t.throws(() => readRequestPool({ ...request, V6: 'true' }), { message: /V6/ })
  t.end()
})

await t.test('an option called __proto__ is an option like any other', t => {
  const body: unknown = JSON.parse(JSON.stringify(request).replace('"a"', '"__proto__"'))
  const { Options } = readRequestPool(body)
  t.strictSame(Object.entries(Options), [['__proto__', 'b']])
  t.equal(Object.getPrototypeOf({}), Object.prototype)
  t.end()
})
