import { readFile } from 'node:fs/promises'
import t from 'tap'
import { isManifest, mergeManifests, type Manifest } from '../../scripts/merge-manifests.ts'

await t.test('what only one part says is kept', t => {
  t.strictSame(mergeManifests({ workdir: '/berth' }, { entrypoint: ['node'] }), {
    workdir: '/berth',
    entrypoint: ['node'],
  })
  t.end()
})

await t.test('objects merge by key, at any depth', t => {
  t.strictSame(
    mergeManifests(
      { linux: { allowAllDevices: false, deep: { one: 1 } } },
      { linux: { capabilities: ['CAP_SYS_ADMIN'], deep: { two: 2 } } },
    ),
    {
      linux: {
        allowAllDevices: false,
        capabilities: ['CAP_SYS_ADMIN'],
        deep: { one: 1, two: 2 },
      },
    },
  )
  t.end()
})

await t.test('env and mounts concatenate, the shared ones first', t => {
  t.strictSame(
    mergeManifests(
      { env: [{ name: 'A', value: '1' }], mounts: [{ name: 'state' }] },
      { env: [{ name: 'B' }], mounts: [{ name: 'disks' }] },
    ),
    {
      env: [{ name: 'A', value: '1' }, { name: 'B' }],
      mounts: [{ name: 'state' }, { name: 'disks' }],
    },
  )
  t.end()
})

await t.test('env or mounts may be missing from either part', t => {
  t.strictSame(mergeManifests({ env: [{ name: 'A' }] }, {}), { env: [{ name: 'A' }] })
  t.strictSame(mergeManifests({}, { env: [{ name: 'A' }] }), { env: [{ name: 'A' }] })
  t.end()
})

await t.test('anything else is replaced, other lists too', t => {
  t.strictSame(
    mergeManifests(
      { workdir: '/', entrypoint: ['a', 'b'], network: { type: 'none' } },
      { workdir: '/berth', entrypoint: ['c'], network: 'gone' },
    ),
    { workdir: '/berth', entrypoint: ['c'], network: 'gone' },
  )
  t.end()
})

await t.test('a name that comes twice is refused, and named', t => {
  const twice = { name: 'LOG_LEVEL' }
  t.throws(
    () => mergeManifests({ env: [twice] }, { env: [twice] }),
    /"LOG_LEVEL" comes twice in "env"/,
  )
  t.throws(() => mergeManifests({}, { mounts: [{ name: 'state' }, { name: 'state' }] }), /"state"/)
  t.doesNotThrow(() => mergeManifests({ env: [twice] }, { mounts: [twice] }))
  t.end()
})

await t.test('env that is not a list of named entries is refused', t => {
  t.throws(() => mergeManifests({ env: { A: '1' } }, {}), /"env" .* list/)
  t.throws(() => mergeManifests({}, { mounts: [{ source: '/var/lib' }] }), /"mounts" .* name/)
  t.end()
})

await t.test('neither part is changed', t => {
  const shared = { env: [{ name: 'A' }], linux: { a: 1 } }
  mergeManifests(shared, { env: [{ name: 'B' }], linux: { b: 2 } })
  t.strictSame(shared, { env: [{ name: 'A' }], linux: { a: 1 } })
  t.end()
})

await t.test('the IPAM plugin asks for host networking, one mount and no capability', async t => {
  const merged = mergeManifests(await read('config.json'), await read('ipam-plugin/config.json'))
  t.match(merged, {
    interface: { types: ['docker.ipamdriver/1.0'], socket: 'berth-ipam.sock', protocolScheme: '' },
    network: { type: 'host' },
    mounts: [{ name: 'state', source: '/var/lib', destination: '/state', options: ['bind'] }],
  })
  t.equal((merged['mounts'] as unknown[]).length, 1)
  t.notOk('linux' in merged)
})

async function read(path: string): Promise<Manifest> {
  const text = await readFile(new URL(`../../${path}`, import.meta.url), 'utf8')
  const value: unknown = JSON.parse(text)
  if (!isManifest(value)) throw new Error(`${path} must hold an object`)
  return value
}
