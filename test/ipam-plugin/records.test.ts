import t from 'tap'
import { parsePoolId } from '../../ipam-plugin/pool-id.ts'
import {
  exclusionsOf,
  readAddress,
  readHost,
  readPool,
  readRecovery,
  readSeen,
  readSegment,
  write,
} from '../../ipam-plugin/records.ts'
import type { AddressRecord } from '../../ipam-plugin/records.ts'
import type { Entry, Revision } from '../../shared/store.ts'

const { id: pool } = parsePoolId('lan~192.0.2.0/29~-')
const entry = (value: string): Entry => ({ key: 'v1/x', value, revision: '1' as Revision })

const used = {
  state: 'used',
  pool,
  host: 'id-1',
  hostName: 'rack1',
  generation: 1,
  op: 'op-1',
  boot: 'boot-1',
  mac: '02:42:0a:01:02:03',
  name: 'web',
  since: '2026-11-02T10:00:00.000Z',
} as const
const spec = {
  gateway: { address: '192.0.2.1', by: 'rack1' },
  aux: ['192.0.2.2'],
  cooldown: { ms: 60_000, by: 'rack1' },
  automatic: 'id-1',
  users: { 'id-1': { name: 'rack1', generation: 1, pools: { [pool]: ['192.0.2.3'] } } },
}

await t.test('what is written is read back', t => {
  for (const record of [
    used,
    { state: 'idle', until: 1_762_000_000_000 },
    { state: 'shared', pools: [pool] },
  ] satisfies AddressRecord[]) {
    t.strictSame(readAddress(entry(write(record))), record)
  }
  const { mac: _mac, name: _name, ...bare } = used
  t.strictSame(readAddress(entry(write(bare))), bare)
  t.strictSame(readPool(entry(write(spec))), spec)
  const { gateway: _gateway, automatic: _automatic, ...plain } = spec
  t.strictSame(readPool(entry(write(plain))), plain)
  t.strictSame(readSegment(entry('{"subnets":["192.0.2.0/29"]}')), { subnets: ['192.0.2.0/29'] })
  const host = { name: 'rack1', generation: 2, nonce: 'n' }
  for (const more of [
    {},
    { evicted: true },
    { machine: { product: 'p', macs: ['02:42:0a:01:02:03'] } },
    { recovery: { id: 'r', phase: 'cleaned' } },
  ] as const) {
    t.strictSame(readHost(entry(write({ ...host, ...more }))), { ...host, ...more })
  }
  const seen = { nonce: 'n', beat: 7, at: 1_762_000_000_000, version: '0.1.0' }
  t.strictSame(readSeen(entry(write(seen))), seen)
  for (const state of ['needed', 'open', 'closed'] as const) {
    const recovery = { id: 'r', number: 3, state, by: 'rack1', since: '2026-11-02T10:00:00.000Z' }
    t.strictSame(readRecovery(entry(write(recovery))), recovery)
  }
  t.end()
})

await t.test('nothing read is nothing', t => {
  t.equal(readAddress(undefined), undefined)
  t.equal(readPool(undefined), undefined)
  t.equal(readSegment(undefined), undefined)
  t.equal(readHost(undefined), undefined)
  t.equal(readSeen(undefined), undefined)
  t.equal(readRecovery(undefined), undefined)
  t.end()
})

await t.test('what a later version adds is kept when this one writes the record again', t => {
  const later = { ...spec, owner: 'mac', gateway: { ...spec.gateway, since: 'x' } }
  t.strictSame(JSON.parse(write(readPool(entry(JSON.stringify(later))))), later)
  t.end()
})

await t.test('a value that is no such record is an error that names its key', t => {
  for (const value of ['', 'x', 'null', '[]', '{}', '{"state":"lost"}', '{"state":"idle"}']) {
    t.throws(() => readAddress(entry(value)), { message: /^The record v1\/x cannot be read: / })
  }
  t.throws(() => readPool(entry('{"aux":[]}')), { message: /v1\/x/ })
  t.throws(() => readSegment(entry('{"subnets":"192.0.2.0/29"}')), { message: /v1\/x/ })
  t.throws(() => readHost(entry('{"name":"rack1","nonce":"n"}')), { message: /v1\/x/ })
  t.throws(() => readSeen(entry('{"nonce":"n","beat":"7"}')), { message: /v1\/x/ })
  t.throws(() => readRecovery(entry('{"id":"r"}')), { message: /v1\/x/ })
  const unknown = '{"id":"r","number":3,"state":"over","by":"rack1","since":"x"}'
  t.throws(() => readRecovery(entry(unknown)), { message: /v1\/x/ })
  t.end()
})

await t.test('exclusionsOf() is every exclusion with the name of its host', t => {
  const users = {
    'id-1': { name: 'rack1', generation: 1, pools: { [pool]: ['a', 'b'], other: ['c'] } },
    'id-2': { name: 'rack2', generation: 1, pools: { [pool]: ['a'], none: [] } },
  }
  t.strictSame(exclusionsOf({ ...spec, users }), [
    { text: 'a', by: 'rack1' },
    { text: 'b', by: 'rack1' },
    { text: 'c', by: 'rack1' },
    { text: 'a', by: 'rack2' },
  ])
  t.strictSame(exclusionsOf({ ...spec, users: {} }), [])
  t.end()
})
